"""Questions that stand in line: one answer at a time is given in a session."""

import json

import pytest
from playwright.async_api import Locator, expect

from tests.page.conftest import OpenWindow, Site
from tests.page.window import Window
from tests.replies.conversation import LONG, SLOW

IN_LINE = "is waiting for its turn"


def under_way(window: Window) -> Locator:
    return window.page.locator(".message--growing")


async def test_a_question_behind_another_waits_for_its_turn_and_can_be_stopped(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a, b, late = [await open_window(site.web) for _ in range(3)]
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await a.say(f"@llm {LONG}")
    await expect(a.growing).to_contain_text("조각 1")
    for number in range(3):
        await b.say(f"@llm question {number}")
    await late.enter(sid, "B")
    for window in (a, b, late):
        notes = under_way(window).locator(".message__note")
        await expect(notes).to_have_text(["is answering…", IN_LINE, IN_LINE, IN_LINE])
    # `late` was told of the answers by its welcome, `a` knows only that they were asked for
    await under_way(late).nth(3).get_by_role("button", name="Stop").click()
    await expect(under_way(a)).to_have_count(3)
    await under_way(a).nth(1).get_by_role("button", name="Stop").click()
    for window in (a, b, late):
        await expect(window.page.get_by_text("The answer was stopped.")).to_have_count(2)
        await expect(under_way(window).locator(".message__note")).to_have_text(["is answering…", IN_LINE])
    await under_way(b).first.get_by_role("button", name="Stop").click()
    await expect(a.page.locator(".message--answer", has_text="조각 3 ")).to_have_count(2)
    for window in (a, b, late):
        await expect(under_way(window)).to_have_count(0)


@pytest.mark.parametrize("text", ["@llm [[silent=1]]", "what now, @llm? [[silent=1]]"], ids=["asked", "mentioned"])
async def test_an_answer_can_be_stopped_before_its_first_word(
    open_window: OpenWindow, site: Site, sid: str, text: str
) -> None:
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(text)
    await expect(under_way(a).locator(".message__note")).to_have_text("is thinking…")
    await a.page.get_by_role("button", name="Stop").click()
    await expect(a.page.get_by_text("The answer was stopped.")).to_be_visible()
    await expect(under_way(a)).to_have_count(0)


async def test_a_stop_pressed_while_disconnected_takes_effect_after_the_reconnect(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a = await open_window(site.web)
    wire = await a.intercept()
    await a.enter(sid)
    await a.say(f"@llm {LONG}")
    await a.say("@llm [[silent=1]]")
    await expect(under_way(a)).to_have_count(2)
    await expect(a.growing.first).to_contain_text("조각 1")
    await wire.route.close(code=4429)  # waits 15 s and more
    await expect(a.page.locator(".status--waiting")).to_be_visible()
    for stop in await under_way(a).get_by_role("button", name="Stop").all():
        await stop.click()
    await expect(under_way(a).locator(".message__note")).to_have_text(["is stopping…"] * 2)
    await a.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(a.page.get_by_text("The answer was stopped.")).to_have_count(2)
    await expect(under_way(a)).to_have_count(0)


async def test_the_running_answer_precedes_queued_ones(open_window: OpenWindow, site: Site, sid: str) -> None:
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(f"hello, @llm {SLOW}")
    await expect(a.growing).to_contain_text("조각 1")
    await a.say("@llm [[pieces=1]]")
    await expect(under_way(a).locator(".message__note")).to_have_text(["is answering…", IN_LINE])
    await expect(under_way(a).first.get_by_role("button")).to_have_text(["Stop", "Let me answer"])
    await under_way(a).first.get_by_role("button", name="Let me answer").click()
    await expect(a.answers.last).to_contain_text("조각 1")
    await expect(under_way(a)).to_have_count(0)


async def test_a_stop_refused_by_the_store_is_retried_automatically(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a = await open_window(site.web)
    wire = await a.intercept()
    await a.enter(sid)
    await a.say(f"@llm {LONG}")
    await expect(a.growing).to_contain_text("조각 1")
    refused: list[str] = []

    def refuse_first(text: str) -> list[str]:
        hd = json.loads(text)["hd"]
        if hd["event"] != "llm.cancel" or refused:
            return [text]
        refused.append(hd["msg_id"])
        bd = {"code": "unavailable", "message": "No.", "msg_id": hd["msg_id"]}
        wire.route.send(json.dumps({"hd": {"event": "error"}, "bd": bd}))
        return []

    wire.to_server = refuse_first
    await a.page.get_by_role("button", name="Stop").click()
    await expect(under_way(a).locator(".message__note")).to_have_text("is stopping…")
    await expect(a.page.get_by_text("The answer was stopped.")).to_be_visible()
    await expect(a.page.locator(".composer__problem")).to_be_empty()
