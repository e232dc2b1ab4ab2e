"""A browser window on a room, as its tests speak of it."""

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Locator, Page, WebSocketRoute, expect

from tests.client import WITHIN

LEFT_WHILE_CONNECTING = "WebSocket is closed before the connection is established."
"""What a browser says of any page that is left, or reconnects, while its socket is being opened."""

expect.set_options(timeout=WITHIN * 1000)

RECORD_GROWTH = """
    window.growth = []
    new MutationObserver(() => {
        const text = document.querySelector(".timeline__growing .message__text")?.textContent
        if (text && text !== growth.at(-1)) growth.push(text)
    }).observe(document.querySelector(".timeline__growing"), {childList: true, subtree: true, characterData: true})
"""


class Window:
    """One window, and what its browser complained about."""

    def __init__(self, context: BrowserContext, page: Page, base: str) -> None:
        self.context = context
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.on("console", self._note_console)
        page.on("pageerror", self._note_error)

    async def enter(self, sid: str, role: str = "A") -> None:
        """Open the room, and wait until it is connected."""
        await self.page.goto(f"{self.base}/s/{sid}/?role={role}")
        await self.is_connected()

    async def is_connected(self) -> None:
        await expect(self.page.locator(".status--connected")).to_be_visible()

    async def open_details(self) -> None:
        """Open the panel, which narrow windows show as a dialog."""
        await self.page.click(".room__menu")
        await expect(self.page.locator(".drawer")).to_have_attribute("open", "")

    async def write(self, text: str) -> None:
        """Put a text into the field."""
        await self.page.fill(".composer__text", text)

    async def say(self, text: str) -> None:
        """Write a text and press Enter."""
        await self.write(text)
        await self.page.press(".composer__text", "Enter")

    async def shows(self, *texts: str) -> None:
        """Wait until the conversation is exactly this, in this order."""
        await expect(self.texts).to_have_text(list(texts), use_inner_text=False)

    @property
    def texts(self) -> Locator:
        """What is stored."""
        return self.page.locator(".timeline__stored .message__text")

    @property
    def unsent(self) -> Locator:
        return self.page.locator(".timeline__unsent .message")

    @property
    def answers(self) -> Locator:
        """The answers that are stored."""
        return self.page.locator(".timeline__stored .message--answer .message__text")

    @property
    def growing(self) -> Locator:
        """The active answers."""
        return self.page.locator(".timeline__growing .message__text")

    async def enter_intercepted(self, sid: str) -> "Wire":
        """Enter with an intercepted socket, and keep each text that the active answer has shown."""
        wire = await self.intercept()
        await self.enter(sid)
        await self.record_growth()
        return wire

    async def record_growth(self) -> None:
        """From here on, keep each text that the active answer has shown."""
        await self.page.evaluate(RECORD_GROWTH)

    async def growth(self) -> list[str]:
        """The texts that the active answer has shown."""
        steps: list[str] = await self.page.evaluate("growth")
        return steps

    async def intercept(self) -> "Wire":
        """Stand between the page and the server's sockets. Before `enter`."""
        wire = Wire()
        await self.page.route_web_socket("**/v1/session/chat**", wire.connect)
        return wire

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and LEFT_WHILE_CONNECTING not in message.text:
            self.complaints.append(message.text)

    def _note_error(self, error: Error) -> None:
        self.complaints.append(str(error))


class Wire:
    """The way between a page and the server, for tests that cut it, lose frames or send them twice.

    Attributes:
        route: the socket that is open now; addresses: those that were asked for.
        to_page, to_server: get each frame's text and give the list of those that go on.
    """

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.to_page = self.to_server = lambda text: [text]

    def connect(self, route: WebSocketRoute) -> None:
        self.route = route
        self.addresses.append(route.url)
        server = route.connect_to_server()

        def to_server(text: str | bytes) -> None:
            for frame in self.to_server(text):
                server.send(frame)

        def to_page(text: str | bytes) -> None:
            for frame in self.to_page(text):
                route.send(frame)

        route.on_message(to_server)
        server.on_message(to_page)
