"""The model answers, and its answer is seen to grow."""

import asyncio
import json
from typing import Any

from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.window import Window, Wire
from tests.processes import Process


async def test_an_answer_grows_in_both_windows_and_ends_equal(a_and_b: tuple[Window, Window], worker: Process) -> None:
    a, b = a_and_b
    await a.record_growth()
    await b.record_growth()
    await a.say("@llm 안녕하세요, 무엇을 할 수 있나요? 😊")
    await expect(a.answers).to_have_count(1)
    await expect(b.answers).to_have_count(1)
    text = await a.answers.text_content()
    assert text
    assert await b.answers.text_content() == text
    for window in (a, b):
        steps = await window.growth()
        assert len(steps) >= 3
        assert all(text.startswith(step) for step in steps)
        assert [len(step) for step in steps] == sorted(len(step) for step in steps)
        await expect(window.growing).to_have_count(0)
    await expect(b.page.locator(".message--asked .message__text")).to_have_text("안녕하세요, 무엇을 할 수 있나요? 😊")


async def test_the_button_asks_the_model_what_is_in_the_field(
    open_window: OpenWindow, worker: Process, sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("How many messages are there?")
    await a.page.get_by_role("button", name="Ask the AI").click()
    await expect(a.page.locator(".message--asked .message__text")).to_have_text("How many messages are there?")
    await expect(a.answers).to_have_count(1)
    await expect(a.page.locator(".message--answer .message__author")).to_have_text("AI")


async def test_who_comes_in_the_middle_of_an_answer_sees_all_of_it(
    open_window: OpenWindow, worker: Process, sid: str
) -> None:
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await a.say("@llm what can you do?")
    await expect(a.growing).not_to_be_empty()
    await b.enter(sid, "B")
    await expect(a.answers).to_have_count(1)
    await b.shows(*await a.texts.all_text_contents())
    await expect(b.growing).to_have_count(0)


async def test_an_answer_can_be_stopped_by_the_other_person(a_and_b: tuple[Window, Window], worker: Process) -> None:
    a, b = a_and_b
    await a.say("@llm what can you do?")
    await expect(b.growing).not_to_be_empty()
    await b.page.get_by_role("button", name="Stop").click()
    for window in (a, b):
        await expect(window.page.locator(".message--answer .message__note")).to_have_text("The answer was stopped.")


async def test_pieces_are_joined_by_code_points_and_a_new_attempt_starts_again(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await a.record_growth()
    for attempt, offset, text in [
        (1, 0, "👩‍👩‍👧 물"),
        (1, 0, "👩‍👩‍👧 물"),  # the same piece again
        (1, 5, " 물어요"),  # overlaps by two
        (2, 0, "다시 "),
        (1, 9, "too late"),  # of the attempt before
        (2, 3, "😀시작"),
    ]:
        wire.route.send(_piece(attempt=attempt, offset=offset, text=text))
    await expect(a.growing).to_have_text("다시 😀시작")
    # a prefix and what it grew to; then the second attempt alone
    assert (await a.growth())[-1] == "다시 😀시작"
    wire.route.send(_event("llm.response", "5-0", text="다시 😀시작했어요", finish_reason="length", model="test"))
    await a.shows("다시 😀시작했어요")
    await expect(a.page.locator(".message__note")).to_have_text("The answer was cut off at its length limit.")
    await expect(a.growing).to_have_count(0)


async def test_the_first_attempts_pieces_give_its_text(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    for offset, text in [(0, "👩‍👩‍👧 물"), (5, " 물어요"), (9, "!")]:
        wire.route.send(_piece(attempt=1, offset=offset, text=text))
    await expect(a.growing).to_have_text("👩‍👩‍👧 물어요!")


async def test_a_lost_piece_is_fetched_and_not_skipped(open_window: OpenWindow, worker: Process, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await a.record_growth()
    lost: list[str] = []

    def lose_one(text: str) -> list[str]:
        if '"llm.streaming"' in text and not lost and json.loads(text)["bd"]["offset"] > 0:
            lost.append(text)
            return []
        return [text]

    asked: list[str] = []

    def watch(text: str) -> list[str]:
        asked.extend([text] if "session.sync" in text else [])
        return [text]

    wire.to_page, wire.to_server = lose_one, watch
    await a.say("@llm what can you do?")
    await expect(a.answers).to_have_count(1)
    assert lost
    assert asked
    assert len(wire.addresses) == 1
    text = await a.answers.text_content() or ""
    assert all(text.startswith(step) for step in await a.growth())


async def test_pieces_that_come_before_the_welcome_that_was_asked_for_are_joined_to_it(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked: list[str] = []

    def watch(text: str) -> list[str]:
        asked.append(text)
        return []

    wire.to_server = watch
    for offset, text in [(0, "👩‍👩‍👧 "), (12, "six"), (15, "seven")]:
        wire.route.send(_piece(attempt=1, offset=offset, text=text))
    await expect(a.growing).to_have_text("👩‍👩‍👧")
    wire.route.send(_welcome(attempt=1, text="👩‍👩‍👧 물 five"))
    await expect(a.growing).to_have_text("👩‍👩‍👧 물 fivesixseven")
    assert sum("session.sync" in text for text in asked) == 1


async def test_what_the_page_knows_beyond_a_welcome_is_kept(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(_piece(attempt=1, offset=0, text="one two"))
    wire.route.send(_welcome(attempt=1, text="one"))
    wire.route.send(_piece(attempt=1, offset=7, text=" three"))
    await expect(a.growing).to_have_text("one two three")
    wire.route.send(_welcome(attempt=1, text="one too"))
    await expect(a.growing).to_have_text("one too")
    wire.route.send(_welcome(attempt=2, text="again"))
    await expect(a.growing).to_have_text("again")
    wire.route.send(_welcome(attempt=1, text="one two three four"))
    wire.route.send(_piece(attempt=2, offset=5, text="!"))
    await expect(a.growing).to_have_text("again!")


async def test_a_missing_piece_is_asked_for_again_as_soon_as_the_server_allows(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = _syncs(wire)
    wire.route.send(_piece(attempt=1, offset=4, text="two"))
    first = await asked.get()
    refusal = {"code": "rate_limited", "message": "…", "retry_after": 1, "msg_id": first["hd"]["msg_id"]}
    wire.route.send(json.dumps({"hd": {"event": "error"}, "bd": refusal}))
    wire.route.send(_piece(attempt=1, offset=7, text=" three"))
    assert (await asked.get())["bd"] == first["bd"]
    wire.route.send(_welcome(attempt=1, text="one "))
    await expect(a.growing).to_have_text("one two three")
    assert asked.empty()
    await expect(a.page.locator(".composer__problem")).to_be_empty()


async def test_a_missing_piece_is_asked_for_on_the_next_connection_too(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = _syncs(wire)
    wire.route.send(_piece(attempt=1, offset=4, text="two"))
    await asked.get()
    await wire.route.close(code=4429)
    await a.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await a.is_connected()
    wire.route.send(_piece(attempt=1, offset=7, text=" three"))
    await asked.get()
    wire.route.send(_welcome(attempt=1, text="one "))
    await expect(a.growing).to_have_text("one two three")


async def test_a_second_answer_to_the_same_question_is_shown_and_can_be_stopped(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(_event("llm.request", "4-0", prompt="why?"))
    wire.route.send(_event("llm.error", "5-0", prev="4-0", code="failed", message="…", text=""))
    await a.shows("why?", "")
    await expect(a.growing).to_have_count(0)
    cancelled = _sent(wire, "llm.cancel")
    again = {"reply_id": "r4-0-2", "attempt": 1}
    wire.route.send(_piece(**again, offset=0, text="Because"))
    await expect(a.growing).to_have_text("Because")
    await a.page.get_by_role("button", name="Stop").click()
    assert (await cancelled.get())["bd"] == {"reply_id": "r4-0-2"}
    end = {"reply_id": "r4-0-2", "text": "Because.", "finish_reason": "cancelled", "model": "test"}
    wire.route.send(_event("llm.response", "6-0", prev="5-0", **end))
    await a.shows("why?", "", "Because.")
    await expect(a.growing).to_have_count(0)


async def test_a_question_that_comes_after_its_answer_waits_for_none(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = _syncs(wire)
    end = {"text": "Because.", "finish_reason": "stop", "model": "test"}
    wire.route.send(_event("llm.response", "5-0", prev="4-0", **end))
    await a.shows("Because.")
    await asked.get()
    wire.route.send(_event("llm.request", "4-0", prompt="why?"))
    await a.shows("why?", "Because.")
    await expect(a.growing).to_have_count(0)


async def test_a_welcome_written_before_an_answers_end_does_not_bring_it_back(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(_piece(attempt=1, offset=0, text="So far"))
    wire.route.send(_event("llm.response", "5-0", text="So far so good", finish_reason="stop", model="test"))
    wire.route.send(_welcome(attempt=1, text="So far"))
    wire.route.send(_piece(reply_id="r6-0", request_id="6-0", attempt=1, offset=0, text="another"))
    await expect(a.growing).to_have_text(["another"])
    await a.shows("So far so good")


async def test_an_answer_that_nobody_asked_for_stands_before_one_that_was_asked_for_since(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(_event("llm.request", "5-0", prompt="why?"))
    notes = a.page.locator(".message--growing .message__note")
    await expect(notes).to_have_text(["is thinking…"])
    wire.route.send(_piece(attempt=1, offset=0, text="about what was said"))
    await expect(notes).to_have_text(["is answering…", "is waiting for its turn"])
    await expect(a.growing).to_have_text(["about what was said", ""])


async def test_an_answer_that_failed_says_why_under_what_had_been_said(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(_piece(attempt=1, offset=0, text="So far"))
    await expect(a.growing).to_have_text("So far")
    wire.route.send(_event("llm.error", "5-0", code="timeout", message="…", text="So far so"))
    await a.shows("So far so")
    await expect(a.page.locator(".message--failed .message__note")).to_have_text(
        "The model took too long and was stopped. Ask again."
    )
    await expect(a.growing).to_have_count(0)


def _piece(**bd: Any) -> str:
    hd = {"event": "llm.streaming", "role": "llm"}
    return json.dumps({"hd": hd, "bd": {"reply_id": "r4-0", "request_id": "4-0", **bd}})


def _welcome(**reply: Any) -> str:
    """One with a single answer under way."""
    known = {"reply_id": "r4-0", "request_id": "4-0", "state": "streaming", **reply}
    bd = {"last_id": "0-0", "members": {"A": 1}, "read": {}, "replies": [known], "gap": None}
    return json.dumps({"hd": {"event": "session.welcome"}, "bd": bd})


def _event(event: str, entry_id: str, prev: str = "0-0", **bd: Any) -> str:
    hd = {"event": event, "role": "llm", "id": entry_id, "prev": prev}
    return json.dumps({"hd": hd, "bd": {"reply_id": "r4-0", "request_id": "4-0", **bd}})


def _sent(wire: Wire, event: str) -> "asyncio.Queue[Any]":
    """The frames with this event that the page sends from here on; none of them reaches the server."""
    frames: asyncio.Queue[Any] = asyncio.Queue()

    def take(text: str) -> list[str]:
        frame = json.loads(text)
        if frame["hd"]["event"] != event:
            return [text]
        frames.put_nowait(frame)
        return []

    wire.to_server = take
    return frames


def _syncs(wire: Wire) -> "asyncio.Queue[Any]":
    return _sent(wire, "session.sync")
