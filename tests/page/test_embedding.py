"""The room in a page of another site: the example of docs/*/integrating.md, on two origins of different sites."""

import time
from collections.abc import Iterator

import pytest
from playwright.async_api import FrameLocator, expect

from tests import processes
from tests.access.credentials import SHARED, token
from tests.docs.pages import ROOT, blocks
from tests.page.conftest import OpenWindow
from tests.page.embedding_site import EmbeddingSite, embedding_site
from tests.page.window import Window
from tests.processes import Web

EXAMPLES = {
    language: next(
        block.text
        for block in blocks(ROOT / f"docs/{language}/integrating.md")
        if block.tags and block.tags[0] == "embed"
    )
    for language in ("en", "ko")
}


@pytest.fixture(scope="module")
def host() -> Iterator[EmbeddingSite]:
    with embedding_site() as site:
        yield site


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None, host: EmbeddingSite) -> Iterator[Web]:
    """A site that requires a token, and whose rooms may be embedded by the host."""
    with processes.web(
        DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED, DOQCHAT_EMBED_ORIGINS=f"{host.origin},https://other.example"
    ) as web:
        yield web


STORED = "() => { try { return localStorage.length } catch { return 0 } }"
"""The number of stored items; browsers may deny a frame of another site any storage."""


def embed(host: EmbeddingSite, web: Web, sid: str, language: str = "en") -> None:
    """Have the host's page embed the room of this session."""
    host.page = EXAMPLES[language].replace("https://chat.example.org", web.http).replace("lesson-12", sid)
    host.new_token = lambda: token(sid)


async def say(room: FrameLocator, text: str) -> None:
    await room.locator(".composer__text").fill(text)
    await room.locator(".composer__text").press("Enter")


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_people_talk_in_a_room_that_another_site_embeds(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str, language: str
) -> None:
    embed(host, guarded, sid, language)
    window, other = await open_window(guarded), await open_window(guarded)
    await window.page.goto(host.origin)
    room = window.page.frame_locator("doqchat-room iframe")
    await say(room, "from the frame")
    await other.page.goto(f"{guarded.http}/s/{sid}/?role=B#token={token(sid, 'B')}")
    await other.shows("from the frame")
    await other.say("안녕")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text(["from the frame", "안녕"])
    await expect(room.locator(".message__author").first).to_contain_text("(you)")
    assert await window.context.cookies(guarded.http) == []
    assert await window.page.frames[-1].evaluate(STORED) == 0


async def test_a_frame_with_a_token_in_its_link_needs_no_script_of_the_host(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    host.page = f"<title>Lesson</title><iframe src='{guarded.http}/s/{sid}/?role=A#token={token(sid)}'></iframe>"
    window = await open_window(guarded)
    await window.page.goto(host.origin)
    room = window.page.frame_locator("iframe")
    await say(room, "from the frame")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text("from the frame")
    await window.page.frames[-1].evaluate("location.reload()")  # as another language does
    await expect(room.locator(".status--connected")).to_be_attached()
    await say(room, "and on")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text(["from the frame", "and on"])


async def test_the_host_renews_the_token_of_the_room(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    lifetimes = iter([6])  # seconds, of the first token
    host.new_token = lambda: token(sid, exp=int(time.time()) + next(lifetimes, 3600))
    window = await open_window(guarded)
    sockets: list[str] = []
    refreshed: list[str] = []
    window.page.on(
        "websocket",
        lambda socket: (
            sockets.append(socket.url),
            socket.on("framereceived", lambda frame: "auth.refreshed" in str(frame) and refreshed.append(str(frame))),
        ),
    )
    await window.page.goto(host.origin)
    room = window.page.frame_locator("doqchat-room iframe")
    await say(room, "hi")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text("hi")
    await window.page.wait_for_function(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('chat-token')).length > 1"
    )
    await say(room, "still here")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text(["hi", "still here"])
    assert (len(sockets), len(refreshed)) == (1, 1)


async def test_the_room_takes_over_the_theme_of_its_host_and_nothing_that_loads(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    window = await open_window(guarded, color_scheme="dark")
    await window.page.goto(host.origin)
    root = window.page.frame_locator("doqchat-room iframe").locator("html")
    await expect(root).to_have_css("--voice-a", "#7a2e8e")
    await expect(root).to_have_css("--radius", "0.25rem")
    await expect(root).to_have_attribute("data-theme", "light")
    await window.page.locator("doqchat-room").evaluate(
        """(element) => {
            element.style.setProperty("--doqchat-voice-a", "url(https://tracker.example/)")
            element.style.setProperty("--doqchat-ink", "rebeccapurple")
            element.style.setProperty("--doqchat-gap", "9rem")
            element.style.colorScheme = "dark"
        }"""
    )
    await expect(root).to_have_attribute("data-theme", "dark")
    await expect(root).to_have_css("--ink", "rebeccapurple")
    style = await root.evaluate("(root) => root.style.cssText")
    assert "url" not in style
    assert "gap" not in style


async def test_the_language_of_the_room_can_be_changed_in_the_frame(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    window = await open_window(guarded, locale="en-US")
    await window.page.goto(host.origin)
    room = window.page.frame_locator("doqchat-room iframe")
    await room.locator(".appearance").get_by_text("한국어").click()
    await expect(room.locator("html")).to_have_attribute("lang", "ko")
    await say(room, "안녕")
    await expect(room.locator(".message__author")).to_contain_text("(나)")


async def test_nothing_leads_from_the_room_to_a_page_that_frames_do_not_show(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    window = await open_window(guarded)
    await window.page.goto(host.origin)
    room = window.page.frame_locator("doqchat-room iframe")
    await say(room, "hi")
    await room.locator(".room__brand").click()
    await say(room, "still here")
    await expect(room.locator(".timeline__stored .message__text")).to_have_text(["hi", "still here"])
    leaving = room.locator("a[href]:not([target=_blank], [download])")
    await expect(leaving).to_have_count(0)


async def test_a_page_of_any_other_site_cannot_embed_a_room(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    window = await open_window(guarded)
    await window.page.goto(host.origin.replace("localhost", "127.0.0.1"))
    await expect(window.page.locator("doqchat-room")).to_be_visible()
    await refused(window)


async def test_only_rooms_can_be_embedded(open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str) -> None:
    host.page = f"<iframe src='{guarded.http}/'></iframe>"
    window = await open_window(guarded)
    await window.page.goto(host.origin)
    await refused(window)


async def refused(window: Window) -> None:
    """The browser shows no page in the frame, and says why."""
    await window.page.wait_for_function("document.readyState === 'complete'")
    async with window.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        await window.page.reload()
    assert all("frame" in complaint for complaint in window.complaints), window.complaints
    assert await window.page.frames[-1].locator(".composer__text, .home").count() == 0
    window.complaints.clear()


async def test_a_token_is_given_to_no_other_page_than_the_room(
    open_window: OpenWindow, guarded: Web, host: EmbeddingSite, sid: str
) -> None:
    embed(host, guarded, sid)
    asked: list[str] = []
    host.new_token = lambda: asked.append("") or token(sid)  # type: ignore[func-returns-value]
    window = await open_window(guarded)
    await window.page.goto(host.origin)
    await expect(window.page.frame_locator("doqchat-room iframe").locator(".composer__text")).to_be_enabled()
    before = len(asked)
    ports = await window.page.evaluate(
        """async () => {
            const frame = document.createElement("iframe"), heard = []
            document.body.append(frame)
            frame.contentWindow.addEventListener("message", ({ ports }) => heard.push(ports.length))
            frame.contentWindow.eval("parent.postMessage({ doqchat: 'ready' }, '*')")
            for (const message of [{ doqchat: "ready" }, "last"]) {
                const arrived = new Promise((resolve) => addEventListener("message", resolve, { once: true }))
                window.postMessage(message, "*")
                await arrived
            }
            return heard
        }"""
    )
    assert (ports, len(asked)) == ([], before)
