"""What only OpenAI's API has, and what the servers that speak it make of it."""

import json

import pytest

from doqchat.llm.base import Finish
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import USUAL_ANSWER, MakeModel, error_of
from tests.stand_ins.provider import ProviderStandIn

pytestmark = pytest.mark.parametrize("backend", [OpenAI])


async def test_a_server_that_needs_no_key_is_asked_without_one(
    make_model: MakeModel, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key for another server")
    await make_model(API_KEY="").generate("안녕")

    assert provider.calls[0].key == "none"


async def test_a_server_that_refuses_to_count_tokens_is_not_asked_to_again(
    model: ProviderLLM, provider: ProviderStandIn
) -> None:
    replies = [await model.generate("[[strict=1]]") for _ in range(2)]

    assert [reply.finish for reply in replies] == [Finish("stop", "stand-in-001", None, None)] * 2
    assert [call.outcome for call in provider.calls] == ["refused", "answered", "answered"]


async def test_other_refusals_of_a_request_do_not_change_it(model: ProviderLLM, provider: ProviderStandIn) -> None:
    await error_of(model, "[[status=422]]")
    reply = await model.generate("안녕")

    assert reply.finish.output_tokens == 3
    assert [call.outcome for call in provider.calls] == ["refused", "answered"]


@pytest.mark.parametrize(
    ("marker", "code", "detail"),
    [
        ("block=content_filter", "blocked", "management policy"),
        ("finish=tool_calls", "failed", "tool_calls"),
        ("html=1", "invalid_response", "text/html"),
    ],
)
async def test_causes_of_failure_are_distinguished(model: ProviderLLM, marker: str, code: str, detail: str) -> None:
    error = await error_of(model, f"[[{marker}]]")

    assert error.code == code
    assert detail in error.detail


async def test_a_connection_that_breaks_behind_the_finish_reason_breaks_no_answer(
    model: ProviderLLM, provider: ProviderStandIn
) -> None:
    reply = await model.generate("[[endless=1]]")

    assert (reply.text, reply.finish.reason) == (USUAL_ANSWER, "stop")
    assert (await error_of(model, "[[endless=1 finish=none]]")).code == "unavailable"
    assert {call.outcome for call in provider.calls} == {"broken"}


async def test_of_a_message_in_parts_those_are_read_that_are_said(model: ProviderLLM) -> None:
    assert str(await model.generate("[[parts=1 pieces=2]]")) == "조각 1 🙂 조각 2 🙂 "


async def test_a_request_holds_nothing_that_was_not_meant_for_the_provider(
    model: ProviderLLM, provider: ProviderStandIn
) -> None:
    await model.generate("안녕")

    sent = provider.calls[0]
    assert set(sent.body) == {"model", "messages", "stream", "stream_options"}
    assert "right-key" not in json.dumps(sent.body)
