"""WebSocket clients cheap enough that the server is always the one that is measured."""

import asyncio
import resource
from collections.abc import Callable, Iterable, Mapping

import picows

CONNECTING_AT_ONCE = 20
CONNECT_TIMEOUT = 20  # seconds


class Client(picows.WSListener):
    """One socket: a member of a session, who hands what arrives to `on_text` and tells why the server hung up.

    It sends and receives texts as they are. A subclass may wrap them for a server that expects another framing.
    """

    headers: Mapping[str, str] = {}

    def __init__(self, session: int, on_text: Callable[["Client", bytes], None]) -> None:
        self.session = session
        self.on_text = on_text
        self.transport: picows.WSTransport | None = None
        self.closed: str | None = None

    @property
    def path(self) -> str:
        """The path and query of the socket's URL."""
        return f"/v1/session/chat?sid=bench-{self.session}"

    async def open(self, url: str) -> None:
        """Connect to the server at URL `url`; raises OSError or picows.WSError."""
        await picows.ws_connect(
            lambda: self,
            url + self.path,
            extra_headers=self.headers,
            websocket_handshake_timeout=CONNECT_TIMEOUT,
            read_buffer_init_size=2048,
        )

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.take(frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            self.closed = f"the server closed a socket with {frame.get_close_code()} {frame.get_close_reason() or ''}"
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.closed = self.closed or "a connection was lost"

    def take(self, text: bytes) -> None:
        """Handle the text of one frame."""
        self.on_text(self, text)

    def send(self, text: bytes) -> None:
        """Write one text frame, at once."""
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, text)


async def connect(clients: Iterable[Client], url: str) -> None:
    """Open every client's socket at URL `url`, a few at a time; raises what the first failure was."""
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open_one(client: Client) -> None:
        async with gate:
            await client.open(url)

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(open_one(client))


def raise_open_files_limit() -> None:
    """Let this process, and what it starts, open as many files as the system allows it to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
