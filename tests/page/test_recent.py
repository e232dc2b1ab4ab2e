"""The reader's sessions on the home page."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import redis
from playwright.async_api import expect

from doqchat.protocol import events, server
from tests import processes
from tests.access.credentials import SHARED, token
from tests.archive.archived import archive
from tests.chat.sessions import write_messages
from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web

PRIVATE = {"locale": "en-US"}
"""A context of its own: the list is in the local storage."""


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires a token."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


async def keep(window: Window, *sids: str, **fields: object) -> None:
    """Keep visits of these sessions in the browser, as their rooms do."""
    visits = [{"sid": sid, "role": "A", "title": sid, "read": "0-0", "at": 1_790_000_000_000} | fields for sid in sids]
    script = f"localStorage.setItem('doqchat.recent:/', {json.dumps(json.dumps(visits))})"
    await window.page.goto(f"{window.base}/healthz")
    await window.page.evaluate(script)
    await window.page.goto(f"{window.base}/")


async def test_a_session_that_was_left_shows_what_is_new_in_it(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    window = await open_window(**PRIVATE)
    await window.enter(sid, "B")
    await window.say("hello")
    await window.shows("hello")
    await window.page.goto(f"{window.base}/")
    item = window.page.locator(".recent__item")
    await expect(item.locator(".recent__last")).to_have_text("B: hello")
    await expect(item.locator(".recent__unread")).to_be_hidden()
    write_messages(store, sid, ("A", "hi"), ("B", "from another device"), ("A", "are\nyou <b>there</b>? {text}"))
    notice = server.stored(sid, events.SessionNotice(code="muted", text="", role="A"), "llm")
    await asyncio.to_thread(store.xadd, f"chat:session:{sid}", {"participant": "llm", "body": notice})
    await window.page.reload()
    await expect(item.locator(".recent__unread")).to_have_text("2 new")
    await expect(item.locator(".recent__last")).to_have_text("A: are you <b>there</b>? {text}")
    answer = "## The **plan**에서\n\n| day | `place` |\n| --- | :-: |\n- one_two"
    write_messages(store, sid, ("llm", answer), event="llm.response")
    await window.page.reload()
    await expect(item.locator(".recent__last")).to_have_text("AI: The plan에서 day place one_two")
    await item.get_by_role("link").click()
    await window.is_connected()
    await window.page.goto(f"{window.base}/")
    await expect(item.locator(".recent__last")).not_to_be_empty()
    await expect(item.locator(".recent__unread")).to_be_hidden()


async def test_a_room_that_cannot_be_entered_is_not_kept(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window = await open_window(guarded, **PRIVATE)
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A")
    await expect(window.page.locator(".status--stopped .status__text")).to_be_attached()
    await window.page.goto(guarded.http)
    await expect(window.page.locator(".recent")).to_be_hidden()
    assert await window.page.evaluate("localStorage.length") == 0


async def test_the_session_with_the_newest_message_comes_first(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    window = await open_window(**PRIVATE)
    names = [f"{sid}-{number}" for number in range(3)]
    write_messages(store, names[1], ("A", "new"))
    await keep(window, *names)
    await expect(window.page.locator(".recent__title")).to_have_text([names[1], names[0], names[2]])


async def test_sessions_are_filtered_removed_and_forgotten(open_window: OpenWindow, sid: str) -> None:
    window = await open_window(**PRIVATE)
    names = [f"{sid}-{number}" for number in range(25)]
    await keep(window, *names)
    items = window.page.locator(".recent__item")
    await expect(items).to_have_count(20)
    await window.page.get_by_role("searchbox").fill(f"{sid}-7")
    await expect(items.filter(visible=True)).to_have_count(1)
    await window.page.get_by_role("button", name=f"Remove {names[7]} from this list").click()
    await expect(window.page.get_by_text("No session matches.")).to_be_visible()
    await window.page.get_by_role("searchbox").fill("")
    await expect(items.filter(visible=True)).to_have_count(19)
    assert await window.page.evaluate("document.activeElement.matches('.recent button, input')")
    await window.page.get_by_role("button", name="Forget all").click()
    await expect(window.page.locator(".recent")).to_be_hidden()
    assert await window.page.evaluate("[localStorage.length, document.activeElement !== document.body]") == [0, True]


async def test_what_a_browser_keeps_is_shown_when_the_news_cannot_be_read(open_window: OpenWindow, sid: str) -> None:
    window = await open_window(**PRIVATE)
    await window.page.route("**/recent/**", lambda route: route.abort())
    await keep(window, sid, title="<img src=x onerror=alert(1)>")
    await expect(window.page.locator(".recent__title")).to_have_text("<img src=x onerror=alert(1)>")
    await expect(window.page.locator(".recent__problem")).to_have_text("New messages cannot be checked right now.")
    window.complaints.clear()  # Chromium notes the request that failed


async def test_damaged_entries_are_ignored(open_window: OpenWindow, sid: str) -> None:
    window = await open_window(**PRIVATE)
    await keep(window, "../x", "a b")
    await expect(window.page.locator(".recent")).to_be_hidden()
    await keep(window, sid, read="x")
    await expect(window.page.locator(".recent")).to_be_hidden()


async def test_members_find_their_sessions_with_and_without_scripts(
    open_window: OpenWindow, guarded: Web, store: "redis.Redis", sid: str
) -> None:
    write_messages(store, sid, ("B", "between us"))
    for scripts in (True, False):
        window = await open_window(guarded, java_script_enabled=scripts)
        cookie = {"name": f"doqchat-{sid}", "value": token(sid, "B", sub="invite:1"), "url": guarded.http}
        other = {"name": f"doqchat-{sid}-2", "value": token(sid, "B", sub="invite:1"), "url": guarded.http}
        await window.context.add_cookies([cookie, other])
        await window.page.goto(guarded.http)
        items = window.page.locator(".recent__item")
        await expect(items).to_have_count(1)
        if scripts:
            await expect(items.locator(".recent__last")).to_have_text("B: between us")
        await items.get_by_role("link").click()
        await expect(window.page).to_have_url(f"{guarded.http}/s/{sid}/?role=B")


async def test_news_of_a_session_are_for_those_who_may_read_it(
    open_window: OpenWindow, guarded: Web, store: "redis.Redis", sid: str
) -> None:
    write_messages(store, sid, ("B", "between us"))
    window = await open_window(guarded, **PRIVATE)
    await keep(window, sid)
    await expect(window.page.locator(".recent__last")).to_contain_text("Open the link that you were given")
    await expect(window.page.locator(".recent__unread")).to_be_hidden()


async def test_messages_of_the_listed_sessions_are_found_and_lead_to_their_room(
    open_window: OpenWindow, store: "redis.Redis", sid: str, transactional_db: None
) -> None:
    texts = ["<i>다음</i> 부산에서 만나요", *(f"n{number}" for number in range(300))]
    ids = write_messages(store, sid, *(("A", text) for text in texts))
    await asyncio.to_thread(archive, sid, texts[0], ids=ids[:1])
    await asyncio.to_thread(archive, f"{sid}-other", "부산")
    window = await open_window(**PRIVATE)
    await keep(window, sid)
    await window.page.get_by_text("Search in messages").click()
    field = window.page.get_by_role("searchbox")
    await field.fill("부")
    await field.press("Enter")
    await expect(window.page.get_by_text("Type at least two letters or digits.")).to_be_visible()
    await field.fill("부산")
    await field.press("Enter")
    hit = window.page.locator(".found__hit")
    await expect(hit).to_have_count(1)
    await expect(hit).to_contain_text("A: <i>다음</i> 부산에서 만나요")
    await expect(hit.locator("mark")).to_have_text("부산")
    await hit.click()
    await expect(window.page.locator(".message--found .message__text")).to_have_text(texts[0])
    await expect(window.page.locator(".message--found")).to_be_in_viewport()
