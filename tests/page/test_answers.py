"""The model answers, and its answer is seen to grow."""

from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.frames import event, piece, sent, syncs, welcome
from tests.page.window import Window
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
    await expect(b.page.locator(".message--asked .message__text")).to_have_text(
        "@llm 안녕하세요, 무엇을 할 수 있나요? 😊"
    )


async def test_the_switch_asks_the_model_what_is_in_the_field(
    open_window: OpenWindow, worker: Process, sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("How many messages are there?")
    await a.page.get_by_role("button", name="Ask the AI").click()
    await a.page.press(".composer__text", "Enter")
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


async def test_a_second_answer_to_the_same_question_is_shown_and_can_be_stopped(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(event("llm.request", "4-0", prompt="why?"))
    wire.route.send(event("llm.error", "5-0", prev="4-0", code="failed", message="…", text=""))
    await a.shows("why?", "")
    await expect(a.growing).to_have_count(0)
    cancelled = sent(wire, "llm.cancel")
    again = {"reply_id": "r4-0-2", "attempt": 1}
    wire.route.send(piece(**again, offset=0, text="Because"))
    await expect(a.growing).to_have_text("Because")
    await a.page.get_by_role("button", name="Stop").click()
    assert (await cancelled.get())["bd"] == {"reply_id": "r4-0-2"}
    end = {"reply_id": "r4-0-2", "text": "Because.", "finish_reason": "cancelled", "model": "test"}
    wire.route.send(event("llm.response", "6-0", prev="5-0", **end))
    await a.shows("why?", "", "Because.")
    await expect(a.growing).to_have_count(0)


async def test_a_question_that_comes_after_its_answer_waits_for_none(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    asked = syncs(wire)
    end = {"text": "Because.", "finish_reason": "stop", "model": "test"}
    wire.route.send(event("llm.response", "5-0", prev="4-0", **end))
    await a.shows("Because.")
    await asked.get()
    wire.route.send(event("llm.request", "4-0", prompt="why?"))
    await a.shows("why?", "Because.")
    await expect(a.growing).to_have_count(0)


async def test_a_welcome_written_before_an_answers_end_does_not_bring_it_back(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(piece(attempt=1, offset=0, text="So far"))
    wire.route.send(event("llm.response", "5-0", text="So far so good", finish_reason="stop", model="test"))
    wire.route.send(welcome(attempt=1, text="So far"))
    wire.route.send(piece(reply_id="r6-0", request_id="6-0", attempt=1, offset=0, text="another"))
    await expect(a.growing).to_have_text(["another"])
    await a.shows("So far so good")


async def test_an_automatic_answer_precedes_a_later_requested_answer(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(event("llm.request", "5-0", prompt="why?"))
    notes = a.page.locator(".message--growing .message__note")
    await expect(notes).to_have_text(["is thinking…"])
    wire.route.send(piece(attempt=1, offset=0, text="about what was said"))
    await expect(notes).to_have_text(["is answering…", "is waiting for its turn"])
    await expect(a.growing).to_have_text(["about what was said", ""])


async def test_an_answer_that_failed_says_why_under_what_had_been_said(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(piece(attempt=1, offset=0, text="So far"))
    await expect(a.growing).to_have_text("So far")
    wire.route.send(event("llm.error", "5-0", code="timeout", message="…", text="So far so"))
    await a.shows("So far so")
    await expect(a.page.locator(".message--failed .message__note")).to_have_text(
        "The model took too long and was stopped. Ask again."
    )
    await expect(a.growing).to_have_count(0)
