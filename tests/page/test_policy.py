"""What the model answers by itself, said and changed in the room; and a person who takes over from it."""

from typing import Any

import pytest
import redis
from playwright.async_api import Locator, expect

from doqchat.store import keys
from tests.page.conftest import OpenWindow, Site
from tests.page.window import Window
from tests.processes import Process
from tests.replies.conversation import LONG, change

WITHDRAWN = "The AI's answer was withdrawn."


def policy(window: Window) -> Locator:
    return window.page.get_by_label("The AI answers", exact=True)


async def test_the_room_shows_what_the_model_answers_and_changes_it(
    open_window: OpenWindow, worker: Process, sid: str
) -> None:
    a, b = await open_window(), await open_window()
    await a.enter(sid)
    await expect(policy(a)).to_have_value("mention")
    async with a.page.expect_response(lambda response: response.request.method == "PATCH"):
        await policy(a).select_option(label="every message")
    await b.enter(sid, "B")
    await expect(policy(b)).to_have_value("always")
    await b.say("How many messages are there?")
    await expect(a.answers).to_have_count(1)
    await expect(a.page.locator(".message--asked")).to_have_count(0)


async def test_a_change_by_somebody_else_is_seen_at_once(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    await expect(policy(b)).to_have_value("mention")
    async with a.page.expect_response(lambda response: response.request.method == "PATCH"):
        await policy(a).select_option("off")
    await expect(policy(b)).to_have_value("off")


async def test_a_change_that_fails_says_so_and_is_taken_back(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await expect(policy(a)).to_have_value("mention")
    await a.page.route("**/api/chat/sessions/*", lambda route: route.fulfill(status=503, json={}))
    await policy(a).select_option("always")
    await expect(a.page.get_by_text("This could not be changed. Try again in a moment.")).to_be_visible()
    await expect(policy(a)).to_have_value("mention")
    a.complaints[:] = [text for text in a.complaints if "503" not in text]


async def test_a_small_screen_has_it_too(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await a.enter(sid)
    await a.open_details()
    await expect(policy(a)).to_be_in_viewport(ratio=1)
    await policy(a).select_option("off")
    await expect(policy(a)).to_have_value("off")
    assert await a.page.evaluate("document.documentElement.scrollWidth") == 360


async def test_who_takes_over_withdraws_the_answer_and_silences_the_model(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a, b = await open_window(site.web), await open_window(site.web)
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await a.say(f"Can you help, @llm? {LONG}")
    await expect(a.growing).not_to_be_empty()
    await expect(b.growing).not_to_be_empty()
    await b.page.get_by_role("button", name="Let me answer").click()
    await expect(b.page.locator(".composer__text")).to_be_focused()
    for window in (a, b):
        await expect(window.page.locator(".message--answer .message__note")).to_have_text(WITHDRAWN)
        await expect(policy(window)).to_have_value("off")
        await expect(window.growing).to_have_count(0)
    await b.page.reload()
    await expect(b.page.get_by_text(WITHDRAWN)).to_be_visible()
    for part in ("text", "head"):
        await expect(b.page.locator(f".message--answer .message__{part}")).to_be_hidden()
    await b.page.locator(".message--answer").hover()
    await expect(b.page.locator(".message--answer .message__again")).to_be_visible()
    await expect(b.page.locator(".message--answer .message__copy")).to_be_hidden()
    await b.say("Is anybody there, @llm?")
    await expect(a.page.get_by_text("Is anybody there, @llm?")).to_be_visible()
    assert is_silent(site.store, sid)


async def test_who_comes_in_the_middle_of_an_automatic_answer_can_take_over(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a, b = await open_window(site.web), await open_window(site.web)
    await a.enter(sid, "A")
    await a.say(f"Can you help, @llm? {LONG}")
    await expect(a.growing).not_to_be_empty()
    await b.enter(sid, "B")
    await b.page.get_by_role("button", name="Let me answer").click()
    await expect(a.page.locator(".message--answer .message__note")).to_have_text(WITHDRAWN)


async def test_an_answer_that_was_asked_for_is_stopped_and_not_taken_over(
    open_window: OpenWindow, site: Site, sid: str
) -> None:
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(f"@llm {LONG}")
    await expect(a.growing).not_to_be_empty()
    await expect(a.page.locator(".message--growing").get_by_role("button")).to_have_text(["Stop"])
    await a.page.get_by_role("button", name="Stop").click()
    await expect(a.page.locator(".message--answer .message__note")).to_have_text("The answer was stopped.")


@pytest.mark.parametrize("policy", ["mention", "always"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [("@llm [[pieces=2]]", "asked"), ("so, @llm? [[pieces=2]]", "said"), ("@llm: @ai [[pieces=2]]", "asked")],
)
async def test_nothing_is_answered_twice(
    open_window: OpenWindow, site: Site, sid: str, policy: str, text: str, kind: str
) -> None:
    change(site.web, sid, policy=policy)
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(text)
    await expect(a.answers).to_have_count(1)
    await expect(a.page.locator(f".message--{kind}")).to_have_count(1)
    assert is_silent(site.store, sid)
    assert site.store.xlen(keys.stream(sid)) == 2


@pytest.mark.parametrize(
    ("marker", "note"),
    [
        ("finish=length", "The answer was cut off at its length limit."),
        ("finish=safety", "The answer was cut off by the model's safety filter."),
    ],
)
async def test_how_an_answer_ended_is_said_beside_its_text(
    open_window: OpenWindow, site: Site, sid: str, marker: str, note: str
) -> None:
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(f"@llm [[pieces=3 {marker}]]")
    await _ends(a, note)


async def test_an_answer_that_a_new_message_superseded_says_so(open_window: OpenWindow, site: Site, sid: str) -> None:
    change(site.web, sid, policy="always", on_new_message="supersede")
    a = await open_window(site.web)
    await a.enter(sid)
    await a.say(LONG)
    await expect(a.growing).to_contain_text("조각 2")
    await a.say("[[pieces=2]] never mind")
    await expect(a.answers).to_have_count(2)
    await _ends(a, WITHDRAWN)


async def _ends(window: Window, note: str) -> None:
    """The first answer has its text and this note, as it came and on a new page."""
    answer = window.page.locator(".timeline__stored .message--answer").first
    await expect(answer.locator(".message__note")).to_have_text(note)
    await window.page.reload()
    await window.is_connected()
    await expect(answer.locator(".message__note")).to_have_text(note)
    await expect(answer.locator(".message__text")).to_contain_text("조각 1")


def is_silent(store: "redis.Redis", sid: str) -> Any:
    """Whether no answer is due or active."""
    return store.zscore(keys.DUE, sid) is None and not store.exists(f"{keys.own(sid)}current")
