"""Whether the model is asked: said while somebody writes, and decided by the same rule as in the server."""

import json
import random
from typing import Any

import pytest
import redis
from playwright.async_api import expect

from doqchat.replies.mention import mentions
from doqchat.store import keys
from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web
from tests.replies.calls import CALLS, OTHERS, Call
from tests.replies.conversation import change

SIGNS = [*"@＠`~./-_: \n\u00a0\u200d", "```", "~~~", "\\", "://"]
WORDS = ["llm", "ａｉ", "İ", "ß", "도우미", "야", "é", "e\u0301", "σς"]
MENTIONS = ["@llm", "@AI", "＠도우미", "@E\u0301.σ", "@i̇ss"]

FIND = """async ([calls]) => {
    const { Mentions } = await import(document.querySelector("script[src$='room.js']").src.replace("room", "asking"))
    const mentions = new Mentions(JSON.parse(document.getElementById("room").textContent).mention)
    return calls.map(([text, name]) => {
        mentions.name(name)
        return Boolean(mentions.first(text))
    })
}"""


async def found(window: Window, calls: list[Call]) -> Any:
    """Whether the page finds a mention, for each of these."""
    return await window.page.evaluate(FIND, [[list(call) for call in calls]])


def stored(store: "redis.Redis", sid: str) -> list[tuple[str, Any]]:
    """The events of a session, with what was written in each."""
    bodies = [json.loads(fields["body"]) for _, fields in store.xrange(keys.stream(sid))]
    return [(body["hd"]["event"], body["bd"].get("prompt", body["bd"].get("text"))) for body in bodies]


async def test_the_page_finds_the_mentions_that_the_server_finds(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    assert await found(a, CALLS + OTHERS) == [True] * len(CALLS) + [False] * len(OTHERS)
    chance = random.Random(9)
    texts = ["".join(chance.choices(SIGNS + WORDS + MENTIONS * 3, k=chance.randint(1, 9))) for _ in range(20_000)]
    calls = [Call(text, chance.choice(["", "도우미", "İß", "é.σ"])) for text in texts]
    said = dict(zip(calls, await found(a, calls), strict=True))
    assert {call: answer for call, answer in said.items() if answer != mentions(*call)} == {}
    assert 1_000 < sum(said.values()) < 19_000


@pytest.mark.parametrize(
    "text",
    ["@llm why?", "@LLM: why?", "  @llm\nwhy?\n", "@llm이 뭐야?", "@LLM아 안녕", "@llm", "＠ai, why?", "@Helper why?"],
)
async def test_a_mention_at_the_start_asks_the_model_exactly_what_was_typed(
    open_window: OpenWindow, server: Web, store: "redis.Redis", sid: str, text: str
) -> None:
    change(server, sid, policy="off", name_llm="helper")
    a = await open_window()
    await a.enter(sid)
    await a.write(text)
    await expect(a.page.locator(".composer--asking")).to_have_count(1)
    await a.page.press(".composer__text", "Enter")
    await expect(a.page.locator(".timeline__stored .message--asked")).to_have_count(1)
    assert stored(store, sid) == [("llm.request", text)]


@pytest.mark.parametrize(
    "text", ["@airport is far", "mail me @llm", "@ai.example.com 에 보내세요", "  `@llm`", "@ai-sdk/openai", "llm "]
)
async def test_everything_else_is_said_to_the_people_exactly_as_typed(
    open_window: OpenWindow, store: "redis.Redis", sid: str, text: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.say(text)
    await expect(a.texts).to_have_count(1)
    assert stored(store, sid) == [("chat.message", text)]


async def test_the_switch_asks_until_it_is_turned_off(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    switch, asking = a.page.get_by_role("button", name="Ask the AI"), a.page.locator(".composer--asking")
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await expect(asking).to_have_count(1)
    await a.write("  @llm: why?")
    await a.page.get_by_role("button", name="Ask", exact=True).click()
    await expect(a.page.locator(".timeline__stored .message--asked")).to_have_count(1)
    await a.page.reload()
    await a.is_connected()
    await expect(asking).to_have_count(1)
    await a.say("and how?")
    await expect(a.page.locator(".timeline__stored .message--asked")).to_have_count(2)
    await switch.click()
    await expect(asking).to_have_count(0)
    await a.say("thanks")
    await expect(a.texts.last).to_have_text("thanks")
    await a.enter(f"{sid}-other")
    await expect(switch).to_have_attribute("aria-pressed", "false")
    assert [event for event, _ in stored(store, sid)] == ["llm.request", "llm.request", "chat.message"]
    assert stored(store, sid)[0] == ("llm.request", "  @llm: why?")


@pytest.mark.parametrize("modifier", ["Control", "Meta"])
async def test_a_key_asks_once(open_window: OpenWindow, store: "redis.Redis", sid: str, modifier: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("why?")
    await a.page.press(".composer__text", f"{modifier}+Enter")
    await expect(a.page.locator(".timeline__stored .message--asked")).to_have_count(1)
    await a.say("thanks")
    await expect(a.texts.last).to_have_text("thanks")
    assert stored(store, sid) == [("llm.request", "why?"), ("chat.message", "thanks")]


@pytest.mark.parametrize(
    ("policy", "answered", "passed_over"),
    [
        ("off", ["@llm hi", "@helper hi"], ["hi @llm", "hi", ""]),
        ("mention", ["@llm hi", "hi @llm", "hi @helper"], ["hi", "`@llm`", "@ai-sdk/x", ""]),
        ("always", ["@llm hi", "hi"], ["", "  "]),
    ],
)
async def test_the_field_shows_what_the_model_will_answer(
    open_window: OpenWindow, server: Web, sid: str, policy: str, answered: list[str], passed_over: list[str]
) -> None:
    change(server, sid, policy=policy, name_llm="helper")
    a = await open_window()
    await a.enter(sid)
    await expect(a.page.get_by_label("The AI answers", exact=True)).to_have_value(policy)
    asking = a.page.locator(".composer--asking")
    for text in answered:
        await a.write(text)
        await expect(asking).to_have_count(1)
    for text in passed_over:
        await a.write(text)
        await expect(asking).to_have_count(0)


async def test_the_field_shows_it_at_once_when_the_policy_is_changed(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("hi")
    policy = a.page.get_by_label("The AI answers", exact=True)
    await policy.select_option("always")
    await expect(a.page.locator(".composer--asking")).to_have_count(1)
    await policy.select_option("off")
    await expect(a.page.locator(".composer--asking")).to_have_count(0)
