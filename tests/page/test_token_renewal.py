"""A page of a site that gives out tokens by a function: a new one for each connection, and before the old one ends."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import WebSocket, expect

from tests import processes
from tests.access.credentials import SHARED, token
from tests.client import WITHIN
from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web

SOON = 5
PROVIDING = "window.doqchat = { token: () => newToken() }"


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires a token."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


async def provide(window: Window, new_token: Callable[[], str | None]) -> None:
    """Give the page the site's function."""
    await window.page.expose_function("newToken", new_token)
    await window.page.add_init_script(PROVIDING)


async def test_the_page_renews_its_token_and_stays_connected(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    can = ["read", "send", "configure"]
    given: list[str] = []
    refreshed: asyncio.Future[str | bytes] = asyncio.get_running_loop().create_future()
    window = await open_window(guarded)
    sockets: list[WebSocket] = []

    def new_token() -> str:
        expires = {} if given else {"exp": int(time.time()) + SOON}
        given.append(token(sid, can=can, **expires))
        return given[-1]

    def take(frame: str | bytes) -> None:
        if "auth.refreshed" in str(frame):
            refreshed.set_result(frame)

    def watch(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framereceived", take)

    window.page.on("websocket", watch)
    await provide(window, new_token)
    await window.enter(sid)
    await asyncio.wait_for(refreshed, WITHIN)
    async with window.page.expect_request("**/api/chat/sessions/**") as asking:
        await window.page.select_option("#policy", "off")
    assert await (await asking.value).header_value("Authorization") == f"Bearer {given[1]}"
    await window.say("hi")
    await window.shows("hi")
    assert (len(given), len(sockets)) == (2, 1)


async def test_a_page_whose_token_fails_or_is_refused_asks_for_another(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    window = await open_window(guarded)
    later = iter([None, token(sid, exp=int(time.time()) - 60), token(sid)])
    await provide(window, lambda: next(later))
    await window.enter(sid)
    await window.say("hi")
    await window.shows("hi")
    await expect(window.page.locator(".composer__problem")).to_have_text("")
    assert [complaint for complaint in window.complaints if "no token" in complaint]
    window.complaints.clear()


async def test_a_page_whose_tokens_are_all_refused_stops(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window = await open_window(guarded)
    given = []

    def expired() -> str:
        given.append(token(sid, exp=int(time.time()) - 60))
        return given[-1]

    await provide(window, expired)
    await window.page.add_init_script("Math.random = () => 0")  # the shortest wait before each attempt
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A")
    await expect(window.page.locator(".status--stopped .status__text")).to_have_text(
        "This session needs a valid link. Ask for a new one."
    )
    assert len(given) == 5
    window.complaints.clear()
