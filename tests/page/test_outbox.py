"""What is written is stored in the order of writing, and what is put off needs no click."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from playwright.async_api import Error, expect

from doqchat.store import keys
from tests import processes
from tests.page.conftest import OpenWindow
from tests.page.window import Window, Wire

PUT_OFF = "The server cannot store messages right now. Your message will be sent as soon as possible."
AGE = """
    for (const [key, entry] of Object.entries(localStorage)) {
        if (!key.startsWith("doqchat.unsent:")) continue
        localStorage[key] = entry.replace(/"at":\\d+/, `"at":${Date.now() - 86_400_000}`)
    }
"""
"""Makes the unsent messages a day older."""


def refuse(wire: Wire, *errors: dict[str, object]) -> list[str]:
    """Answer the next messages with these errors instead of passing them on; the texts of all that are sent."""
    left, sent = list(errors), list[str]()

    def to_server(text: str) -> list[str]:
        frame = json.loads(text)
        if frame["hd"]["event"] != "chat.message":
            return [text]
        sent.append(frame["bd"]["text"])
        if not left:
            return [text]
        bd = {"message": "No.", "msg_id": frame["hd"]["msg_id"], **left.pop(0)}
        wire.route.send(json.dumps({"hd": {"event": "error"}, "bd": bd}))
        return []

    wire.to_server = to_server
    return sent


def losing(*names: str) -> Callable[[str], list[str]]:
    """Loses these events on the way to the page."""
    return lambda text: [] if json.loads(text)["hd"]["event"] in names else [text]


async def test_a_delayed_message_is_resent_automatically_and_not_overtaken(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    sent = refuse(wire, {"code": "unavailable"}, {"code": "unavailable"})
    for text in ("one", "two", "three"):
        await a.say(text)
    await a.shows("one", "two", "three")
    await expect(a.unsent).to_have_count(0)
    assert sent == ["one", "one", "one", "two", "three"]


async def test_while_the_store_is_unreachable_the_page_waits_and_then_sends_in_order(
    open_window: OpenWindow, tmp_path: Path, sid: str
) -> None:
    with processes.valkey(tmp_path) as store, processes.web(DOQCHAT_REDIS_URL=store.url) as web:
        a = await open_window(web)
        await a.enter(sid)
        await expect(a.page.locator("#policy")).to_be_enabled()  # it was read from the store
        store.process.kill()
        for text in ("one", "two", "three"):
            await a.say(text)
        await expect(a.unsent.first.locator(".message__note")).to_have_text(PUT_OFF)
        await expect(a.unsent.get_by_role("button")).to_have_count(0)
        with processes.valkey(tmp_path, processes.port_of(store.url)):
            await a.shows("one", "two", "three")
            await expect(a.unsent).to_have_count(0)
        await a.page.close()  # before its server ends


async def test_a_refused_message_stays_with_its_buttons_and_the_next_is_sent(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, {"code": "rejected"}, {"code": "rejected"})
    for text in ("one", "two", "three"):
        await a.say(text)
    await a.shows("three")
    await expect(a.unsent.locator(".message__text")).to_have_text(["one", "two"])
    await a.unsent.first.get_by_role("button", name="Send again").click()
    await a.shows("three", "one")
    await a.unsent.get_by_role("button", name="Discard").click()
    await expect(a.unsent).to_have_count(0)


async def test_unsent_messages_outlive_a_page_that_is_reloaded_offline(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.say("zero")
    await a.shows("zero")
    await a.context.set_offline(True)
    for text in ("one", "  two", "three"):
        await a.say(text)
    await expect(a.unsent).to_have_count(3)
    with suppress(Error):  # the browser shows its own page
        await a.page.reload()
    await a.context.set_offline(False)
    a.complaints.clear()
    for _ in range(2):
        await a.enter(sid)
        await a.shows("zero", "one", "  two", "three")
        await expect(a.unsent).to_have_count(0)


async def test_a_message_whose_acknowledgement_was_lost_is_stored_once_after_a_reload(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    a, b = await open_window(), await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await b.enter(sid, "B")
    wire.to_page = losing("chat.ack", "chat.message")
    await a.say("one")
    await a.say("two")
    await b.shows("one")
    wire.to_page = lambda text: [text]
    await a.page.reload()
    await a.shows("one", "two")
    await expect(a.unsent).to_have_count(0)
    assert store.xlen(keys.stream(sid)) == 2


async def test_two_tabs_send_what_was_unsent_once_and_in_order(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.to_server = lambda text: []
    texts = [f"message {number}" for number in range(5)]
    for text in texts:
        await a.say(text)
    tab = Window(a.context, await a.context.new_page(), a.base)
    wire.to_server = lambda text: [text]
    await asyncio.gather(tab.page.goto(a.page.url), a.page.reload())
    for window in (a, tab):
        await window.shows(*texts)
        await expect(window.unsent).to_have_count(0)


async def test_a_refused_message_is_still_refused_after_a_reload(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, {"code": "rejected"})
    await a.say("one")
    await expect(a.unsent.get_by_role("button")).to_have_text(["Send again", "Discard"])
    await a.page.reload()
    await a.is_connected()
    await a.say("two")
    await a.shows("two")
    await expect(a.unsent.get_by_role("button")).to_have_text(["Send again", "Discard"])
    await a.unsent.get_by_role("button", name="Discard").click()
    await a.page.reload()
    await a.is_connected()
    await expect(a.unsent).to_have_count(0)


async def test_a_message_that_the_server_may_have_forgotten_is_not_resent_automatically(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.to_server = lambda text: []
    await a.say("old")
    await expect(a.unsent).to_have_count(1)
    wire.to_server = lambda text: [text]
    await a.page.evaluate(AGE)
    await a.page.reload()
    await a.say("new")
    await a.shows("new")
    await expect(a.unsent.locator(".message__note")).to_have_text(
        "This may not have been sent. Check the conversation above."
    )
    await a.unsent.get_by_role("button", name="Send again").click()
    await a.shows("new", "old")


async def test_without_storage_the_page_is_not_left_unasked_while_something_is_unsent(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    await a.page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') }"
    )
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, {"code": "rejected"})
    await a.say("one")
    await expect(a.unsent.get_by_role("button")).to_have_text(["Send again", "Discard"])
    async with a.page.expect_event("dialog") as asked:
        leaving = asyncio.create_task(a.page.close(run_before_unload=True))
    dialog = await asked.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    await leaving
    await a.unsent.get_by_role("button", name="Send again").click()
    await a.shows("one")
    async with a.page.expect_event("close"):
        await a.page.close(run_before_unload=True)


async def test_a_message_is_resent_after_a_short_rate_limit(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, {"code": "rate_limited", "retry_after": 1})
    await a.say("one")
    await a.say("two")
    await expect(a.unsent.first.locator(".message__note")).to_contain_text("will be resent automatically")
    await a.shows("one", "two")


@pytest.mark.parametrize(
    ("language", "error", "note"),
    [
        (
            "en-US",
            {"code": "rate_limited", "retry_after": 43_200},
            "Rate limit exceeded. Try again in 12 hours.",
        ),
        (
            "ko-KR",
            {"code": "rate_limited", "retry_after": 600},
            "요청 한도를 넘었어요. 10분 후에 다시 시도할 수 있어요.",
        ),
        (
            "ko-KR",
            {"code": "rejected", "message": "링크는 보낼 수 없습니다."},
            "이 세션의 규칙에 맞지 않아 보낼 수 없는 메시지예요. 링크는 보낼 수 없습니다.",
        ),
    ],
)
async def test_a_long_limit_and_a_rejection_say_why(
    open_window: OpenWindow, sid: str, language: str, error: dict[str, Any], note: str
) -> None:
    a = await open_window(locale=language)
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, error)
    await a.say("one")
    await expect(a.unsent.first.locator(".message__note")).to_have_text(note)


async def test_limits_that_add_up_do_not_hold_up_the_others(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    refuse(wire, {"code": "rate_limited", "retry_after": 2}, {"code": "rate_limited", "retry_after": 9})
    await a.say("one")
    await a.say("two")
    await a.shows("two")
    await expect(a.unsent.get_by_role("button")).to_have_text(["Send again", "Discard"])


async def test_an_answer_that_is_lost_holds_nothing_up(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(locale="en-US"), await open_window()
    wire = await a.intercept()
    await a.page.clock.install()  # for all windows of its context
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    wire.to_page = losing("chat.ack", "chat.message")
    await a.say("one")
    await a.say("two")
    await b.shows("one")
    wire.to_page = lambda text: [text]
    await a.page.clock.fast_forward(16_000)
    await a.shows("one", "two")
    await b.shows("one", "two")
    await expect(a.unsent).to_have_count(0)


async def test_a_letter_that_only_its_own_event_confirms_holds_nothing_up(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    wire.to_page = losing("chat.ack")
    await a.enter(sid)
    for text in ("one", "two"):
        await a.say(text)
    await a.shows("one", "two")
    await expect(a.unsent).to_have_count(0)


async def test_the_time_until_a_limit_ends_is_counted_down(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(locale="en-US")  # the clock is that of its context
    wire = await a.intercept()
    await a.page.clock.install()
    await a.enter(sid)
    refuse(wire, {"code": "rate_limited", "retry_after": 600})
    await a.say("one")
    note = a.unsent.locator(".message__note")
    await expect(note).to_have_text("Rate limit exceeded. Try again in 10 minutes.")
    await a.page.get_by_role("button", name="Send again").focus()
    await a.page.clock.fast_forward(2_000)
    await expect(a.page.get_by_role("button", name="Send again")).to_be_focused()
    await a.page.clock.fast_forward(400_000)
    await expect(note).to_have_text("Rate limit exceeded. Try again in 4 minutes.")
    await a.page.reload()
    await expect(note).to_have_text("Rate limit exceeded. Try again in 4 minutes.")
    await a.page.clock.fast_forward(220_000)
    await expect(note).to_have_text("Not sent")
