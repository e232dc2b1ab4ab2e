"""Two people talk."""

import json

import redis
from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web

# The server writes a moment with its own zone's offset, the browser in UTC.
ITEMS = """[...document.querySelectorAll(".timeline__stored .message")].map((item) => item.outerHTML
    .replace(/<p class="message__(seen|unread)".*?<\\/p>/g, "")
    .replace(/<div class="changes".*?<\\/div>/g, "")
    .replace(/datetime="[^"]*"/, "")
    .replace(/\\s+/g, " "))"""


async def test_two_browsers_see_each_others_messages_once_and_in_order(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    said = [f"{name} {number} 안녕하세요 😊" for number in range(4) for name in "AB"]
    for text in said:
        await (a if text[0] == "A" else b).say(text)
        await a.page.locator(".timeline__stored .message__text", has_text=text).wait_for()
        await b.page.locator(".timeline__stored .message__text", has_text=text).wait_for()
    await a.shows(*said)
    await b.shows(*said)
    await expect(a.unsent).to_have_count(0)


async def test_simultaneous_messages_have_the_same_order_in_both_windows(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    for number in range(10):
        await a.say(f"A {number}")
        await b.say(f"B {number}")
    await expect(a.texts).to_have_count(20)
    await expect(b.texts).to_have_count(20)
    assert await a.texts.all_text_contents() == await b.texts.all_text_contents()


async def test_two_web_processes_are_one_session(
    open_window: OpenWindow, server: Web, second_server: Web, sid: str
) -> None:
    a, b = await open_window(server), await open_window(second_server)
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await a.say("from one")
    await b.shows("from one")
    await b.say("to the other")
    await a.shows("from one", "to the other")


async def test_markup_in_a_message_is_shown_as_text(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    markup = """<img src=x onerror="document.title='taken'"> <script>document.title='taken'</script> & </template>"""
    await a.say(markup)
    await b.shows(markup)
    await b.page.reload()
    await b.shows(markup)
    for window in (a, b):
        assert await window.page.locator(".timeline img, .timeline script").count() == 0
        assert "taken" not in await window.page.title()


async def test_lines_and_spaces_stay_as_they_were_written(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    await a.write("first")
    await a.page.press(".composer__text", "Shift+Enter")
    await a.page.type(".composer__text", "   second")
    await a.page.press(".composer__text", "Enter")
    await b.shows("first\n   second")
    assert await b.texts.first.inner_text() == "first\n   second"


async def test_ones_own_and_the_others_messages_differ_in_name_and_side(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    await a.say("mine")
    await b.shows("mine")
    await b.say("theirs")
    await a.shows("mine", "theirs")
    await expect(a.page.locator(".timeline__stored .message__author")).to_have_text(["A (you)", "B"])
    mine, theirs = [await a.texts.nth(index).bounding_box() for index in (0, 1)]
    assert mine
    assert theirs
    assert mine["x"] > theirs["x"]


async def test_a_reload_shows_the_same_items_from_the_server(
    a_and_b: tuple[Window, Window], store: "redis.Redis", sid: str
) -> None:
    a, b = a_and_b
    await a.say("one")
    await a.say("two")
    await a.shows("one", "two")
    answer = {"reply_id": "r1-0", "request_id": "1-0"}
    _store(store, sid, "B", "llm.request", prompt="why?")
    _store(store, sid, "llm", "llm.response", **answer, text="so", finish_reason="length", model="m-1")
    _store(store, sid, "llm", "llm.error", **answer, text="because", code="timeout", message="…")
    _store(store, sid, "llm", "session.notice", code="note", text="a word from the administrator")
    _store(store, sid, "user", "something.new", text="is not shown")
    await b.say("three")
    await a.shows("one", "two", "why?", "so", "because", "a word from the administrator", "three")
    live = await a.page.evaluate(ITEMS)
    await a.page.reload()
    await a.is_connected()
    assert await a.page.evaluate(ITEMS) == live


async def test_notices_are_shown_and_events_of_a_later_version_are_passed_over(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    _store(store, sid, "llm", "session.notice", code="note", text="a word from the administrator")
    _store(store, sid, "user", "something.new", text="is not shown", finish_reason="superseded")
    _store(store, sid, "user", "constructor", text="neither is this")
    store.xadd(
        f"chat:session:{sid}", {"participant": "x", "body": '{"hd": {"event": "bare", "role": "x"}, "bd": null}'}
    )
    await a.say("and on")
    await a.shows("a word from the administrator", "and on")
    await expect(a.page.locator(".message--notice")).to_have_count(1)
    await a.page.reload()
    await a.is_connected()
    await a.shows("a word from the administrator", "and on")


async def test_people_see_who_is_here_and_who_is_typing(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    other = a.page.locator(".people__person[data-role=B] .people__state")
    await expect(other).to_have_text("offline")
    await b.enter(sid, "B")
    await expect(other).to_have_text("online")
    await b.page.type(".composer__text", "hm")
    await expect(a.page.locator(".typing")).to_have_text("B is typing…")
    await b.page.locator(".composer__text").blur()
    await expect(a.page.locator(".typing")).to_have_text("")
    await b.page.close()
    await expect(other).to_have_text("offline")


async def test_the_invitation_leads_the_other_person_into_the_session(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.page.goto(await a.page.get_by_role("textbox", name="Link for B").input_value())
    await b.is_connected()
    await b.say("here I am")
    await a.shows("here I am")
    await expect(a.page.locator(".message__author")).to_have_text(["B"])


async def test_a_long_word_does_not_widen_a_small_screen(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 360, "height": 640})
    await a.enter(sid)
    await a.say("https://example.org/" + "x" * 300)
    await expect(a.texts).to_have_count(1)
    assert await a.page.evaluate("document.documentElement.scrollWidth") == 360
    await expect(a.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)


def _store(store: "redis.Redis", sid: str, role: str, event: str, **bd: str) -> None:
    """Store an event without telling anybody."""
    body = json.dumps({"hd": {"event": event, "role": role, "sid": sid}, "bd": bd})
    store.xadd(f"chat:session:{sid}", {"participant": role, "body": body})
