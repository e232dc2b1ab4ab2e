"""What only the Gemini API has, through both of its SDKs."""

import json

import pytest

from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import error_of
from tests.stand_ins.provider import ProviderStandIn

pytestmark = pytest.mark.parametrize("backend", [GoogleGenAI, GoogleGenerativeAI])


@pytest.mark.parametrize("reason", ["RECITATION", "BLOCKLIST"])
async def test_each_kind_of_filter_is_a_finish_for_safety(model: ProviderLLM, reason: str) -> None:
    assert (await model.generate(f"[[finish={reason}]]")).finish.reason == "safety"


@pytest.mark.parametrize(
    ("marker", "code", "detail"),
    [
        ("block=SAFETY", "blocked", "the prompt was blocked"),
        ("finish=OTHER", "failed", "OTHER"),
    ],
)
async def test_answers_without_words_are_told_apart(model: ProviderLLM, marker: str, code: str, detail: str) -> None:
    error = await error_of(model, f"[[{marker}]]")

    assert error.code == code
    assert detail in error.detail


async def test_a_gateway_may_write_null_for_what_the_api_leaves_out(model: ProviderLLM) -> None:
    reply = await model.generate("[[nulls=1 text=안녕]]")

    assert (reply.text, reply.finish.reason) == ("안녕", "stop")
    assert (await error_of(model, "[[nulls=1 finish=none]]")).code == "unfinished"


async def test_a_blocked_prompt_is_not_sent_again(model: ProviderLLM, provider: ProviderStandIn) -> None:
    await error_of(model, "[[block=SAFETY]]")

    assert len(provider.calls) == 1


async def test_a_request_holds_nothing_that_was_not_meant_for_the_provider(
    model: ProviderLLM, provider: ProviderStandIn
) -> None:
    await model.generate("안녕")

    sent = provider.calls[0]
    assert set(sent.body) <= {"contents", "generationConfig", "model"}
    assert "right-key" not in json.dumps(sent.body) + json.dumps(sent.query)
