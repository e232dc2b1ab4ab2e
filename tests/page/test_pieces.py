"""The pieces of an answer are put together, whatever is lost of them or comes twice."""

import json

from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.frames import event, piece, syncs, welcome
from tests.processes import Process


async def test_pieces_are_joined_by_code_points_and_a_new_attempt_starts_again(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.enter_intercepted(sid)
    for attempt, offset, text in [
        (1, 0, "👩‍👩‍👧 물"),
        (1, 0, "👩‍👩‍👧 물"),  # the same piece again
        (1, 5, " 물어요"),  # overlaps by two
        (2, 0, "다시 "),
        (1, 9, "too late"),  # of the attempt before
        (2, 3, "😀시작"),
    ]:
        wire.route.send(piece(attempt=attempt, offset=offset, text=text))
    await expect(a.growing).to_have_text("다시 😀시작")
    # a prefix and what it grew to; then the second attempt alone
    assert (await a.growth())[-1] == "다시 😀시작"
    wire.route.send(event("llm.response", "5-0", text="다시 😀시작했어요", finish_reason="length", model="test"))
    await a.shows("다시 😀시작했어요")
    await expect(a.page.locator(".message__note")).to_have_text("The answer was cut off at its length limit.")
    await expect(a.growing).to_have_count(0)


async def test_the_first_attempts_pieces_give_its_text(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    for offset, text in [(0, "👩‍👩‍👧 물"), (5, " 물어요"), (9, "!")]:
        wire.route.send(piece(attempt=1, offset=offset, text=text))
    await expect(a.growing).to_have_text("👩‍👩‍👧 물어요!")


async def test_a_lost_piece_is_fetched_and_not_skipped(open_window: OpenWindow, worker: Process, sid: str) -> None:
    a = await open_window()
    wire = await a.enter_intercepted(sid)
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
        wire.route.send(piece(attempt=1, offset=offset, text=text))
    await expect(a.growing).to_have_text("👩‍👩‍👧")
    wire.route.send(welcome(attempt=1, text="👩‍👩‍👧 물 five"))
    await expect(a.growing).to_have_text("👩‍👩‍👧 물 fivesixseven")
    assert sum("session.sync" in text for text in asked) == 1


async def test_what_the_page_knows_beyond_a_welcome_is_kept(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(piece(attempt=1, offset=0, text="one two"))
    wire.route.send(welcome(attempt=1, text="one"))
    wire.route.send(piece(attempt=1, offset=7, text=" three"))
    await expect(a.growing).to_have_text("one two three")
    wire.route.send(welcome(attempt=1, text="one too"))
    await expect(a.growing).to_have_text("one too")
    wire.route.send(welcome(attempt=2, text="again"))
    await expect(a.growing).to_have_text("again")
    wire.route.send(welcome(attempt=1, text="one two three four"))
    wire.route.send(piece(attempt=2, offset=5, text="!"))
    await expect(a.growing).to_have_text("again!")


async def test_a_missing_piece_is_asked_for_again_as_soon_as_the_server_allows(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = syncs(wire)
    wire.route.send(piece(attempt=1, offset=4, text="two"))
    first = await asked.get()
    refusal = {"code": "rate_limited", "message": "…", "retry_after": 1, "msg_id": first["hd"]["msg_id"]}
    wire.route.send(json.dumps({"hd": {"event": "error"}, "bd": refusal}))
    wire.route.send(piece(attempt=1, offset=7, text=" three"))
    assert (await asked.get())["bd"] == first["bd"]
    wire.route.send(welcome(attempt=1, text="one "))
    await expect(a.growing).to_have_text("one two three")
    assert asked.empty()
    await expect(a.page.locator(".composer__problem")).to_be_empty()


async def test_a_missing_piece_is_asked_for_on_the_next_connection_too(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = syncs(wire)
    wire.route.send(piece(attempt=1, offset=4, text="two"))
    await asked.get()
    await wire.route.close(code=4429)
    await a.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await a.is_connected()
    wire.route.send(piece(attempt=1, offset=7, text=" three"))
    await asked.get()
    wire.route.send(welcome(attempt=1, text="one "))
    await expect(a.growing).to_have_text("one two three")
