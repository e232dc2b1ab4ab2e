"""From its finish reason on an answer is complete, whatever follows it; and what else can be the end of one."""

import json
import logging
from typing import Any

import pytest

from doqchat.llm import progress
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import error_of
from tests.llm.raw_answers import answer, event, streamed
from tests.stand_ins.hostile import FOREVER, HostileStandIn, head

both_of_today = pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])

AFTER: list[list[bytes | float]] = [
    [FOREVER],
    [],
    [b"data: [DONE] \n\n", FOREVER],
    [b"data: [DONE]\n", FOREVER],
    [b"data: <eof>\n\n", FOREVER],
    [b"</html>\n"],
    [b'data: {"error": {"code": 500, "message": "gone"}}\n\n', FOREVER],
    [b"event: error\ndata: gone\n\n"],
    [b"data: {broken"],
    [b"\xff\xfe\n\n"],
    [b": ping\n\n" * 3, 0.05, b": ping\n\n", FOREVER],
    [b"]", FOREVER],
]


@pytest.mark.parametrize("after", AFTER, ids=lambda after: repr(after)[:40])
async def test_nothing_after_the_finish_reason_breaks_an_answer(
    backend: type[ProviderLLM],
    asking: ProviderLLM,
    hostile: HostileStandIn,
    after: list[bytes | float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "END_SECONDS", 0.2)
    hostile.says = answer(event(backend, "안녕"), event(backend, "", "stop"), *after)
    reply = await asking.generate("안녕")

    assert (reply.text, reply.finish.reason) == ("안녕", "stop")


async def test_the_usage_is_waited_for_a_moment(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    counts = {"usage": {"completion_tokens": 5}, "usageMetadata": {"candidatesTokenCount": 5}}
    usage = streamed(backend, json.dumps({"choices": [], "candidates": [], **counts}))
    hostile.says = answer(event(backend, "안녕", "stop"), 0.1, usage, FOREVER)

    assert (await asking.generate("안녕")).finish.output_tokens == 5


async def test_pieces_that_each_have_a_finish_reason_are_all_taken(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    hostile.says = answer(*[event(backend, text, "stop") for text in "abc"])

    assert str(await asking.generate("안녕")) == "abc"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("COMPLETE", "stop"),
        ("brand-new", "stop"),
        (1, "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("content-filter", "safety"),
        ("refusal", "safety"),
    ],
)
async def test_finish_reasons_of_other_servers_complete_an_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, told: Any, reason: str
) -> None:
    hostile.says = answer(with_finish(backend, told))
    reply = await asking.generate("안녕")

    assert (reply.text, reply.finish.reason) == ("안녕", reason)


async def test_an_unknown_one_is_logged_once(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    hostile.says = answer(with_finish(backend, "brand\nnew"), event(backend, ""))
    with caplog.at_level(logging.INFO, logger="doqchat"):
        await asking.generate("안녕")

    assert [record.getMessage() for record in caplog.records] == [
        "The model 'm' ended its answer with an unknown finish reason: 'brand_new'"
    ]


@pytest.mark.parametrize("told", ["abort", "error", "network_error", "CANCELLED", "insufficient_system_resource"])
async def test_one_that_means_failure_is_an_error(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, told: str
) -> None:
    hostile.says = answer(with_finish(backend, told))
    error = await error_of(asking, "안녕")

    assert (error.code, error.detail) == ("failed", f"the model stopped: {told}")


async def test_an_unknown_one_without_a_word_is_an_error(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    hostile.says = answer(event(backend, "", "brand-new"))

    assert (await error_of(asking, "안녕")).code == "failed"


@pytest.mark.parametrize("indent", [None, 2])
async def test_an_answer_in_one_piece_of_json_is_an_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, indent: int | None
) -> None:
    openai = {"choices": [{"message": {"role": "assistant", "content": "안녕"}, "finish_reason": "stop"}]}
    gemini = {"candidates": [{"content": {"parts": [{"text": "안녕"}]}, "finishReason": "STOP"}]}
    body = json.dumps(openai if backend is OpenAI else [gemini], indent=indent).encode()
    hostile.says = lambda: [head("200 OK", "content-type: application/json", f"content-length: {len(body)}"), body]

    assert str(await asking.generate("안녕")) == "안녕"


@both_of_today
async def test_chunks_without_empty_lines_between_them_are_an_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    parts = event(backend, "안녕"), event(backend, "", "stop"), b"data: [DONE]\n"
    hostile.says = answer(b"".join(parts).replace(b"\n\n", b"\n"))

    assert str(await asking.generate("안녕")) == "안녕"


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "안녕"},
        {"delta": {"content": None, "refusal": "안녕"}},
        {"delta": {"content": ["안", "녕"], "tool_calls": None}},
        {"delta": {"content": [{"type": "refusal", "refusal": "안녕"}]}},
        {"message": {"content": [{"type": "text", "text": "안녕", "annotations": []}]}, "delta": []},
        {"delta": {"content": "안녕"}, "error": {"message": "", "code": None}},
    ],
)
@pytest.mark.parametrize("backend", [OpenAI])
async def test_text_under_another_name_is_read(
    asking: ProviderLLM, hostile: HostileStandIn, choice: dict[str, Any]
) -> None:
    hostile.says = answer(f"data: {json.dumps({'choices': [choice | {'finish_reason': 'stop'}]})}\n\n".encode())

    assert str(await asking.generate("안녕")) == "안녕"


@pytest.mark.parametrize(
    ("texts", "whole"),
    [
        (["a\\ud83d", "\\ude42b"], "a🙂b"),
        (["\\ud83d\\ude42\\uD83D", "", "\\uDE42"], "🙂🙂"),
        (["a\\ud83d", "b"], "a�b"),
        (["a\\ude42", "\\ud83d"], "a��"),
        (["\\\\ud83d", "x"], "\\ud83dx"),
    ],
)
async def test_a_character_that_is_cut_in_two_is_joined(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, texts: list[str], whole: str
) -> None:
    parts = [event(backend, "TEXT").replace(b"TEXT", text.encode()) for text in texts]
    hostile.says = answer(*parts, event(backend, "", "stop"))

    assert str(await asking.generate("안녕")) == whole


@pytest.mark.parametrize(
    ("written", "counted"), [(4.5, None), (4.0, 4), ("12", 12), ("many", None), (-1, None), (None, None), ([], None)]
)
async def test_a_count_of_tokens_in_another_form_loses_no_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, written: Any, counted: int | None
) -> None:
    usage = {"usage": {"completion_tokens": written}, "usageMetadata": {"candidatesTokenCount": written}}
    hostile.says = answer(event(backend, "안녕", "stop", **usage))
    reply = await asking.generate("안녕")

    assert (reply.text, reply.finish.output_tokens) == ("안녕", counted)


@pytest.mark.parametrize("written", [5, "none", [], {}, [{}]])
async def test_neither_does_a_usage_that_is_none(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, written: Any
) -> None:
    hostile.says = answer(event(backend, "안녕", "stop", usage=written, usageMetadata=written, model=5, modelVersion=5))

    assert str(await asking.generate("안녕")) == "안녕"


def with_finish(backend: type[ProviderLLM], reason: Any) -> bytes:
    """A chunk with text and that finish reason."""
    written = json.dumps(reason).encode()
    return event(backend, "안녕", "REASON").replace(b'"REASON"', written)


async def test_fields_without_anything_in_them_lose_no_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    nothing = {"error": {"message": None, "code": 0}, "usage": None, "usageMetadata": None}
    empty = {"choices": [{"delta": []}], "candidates": [{"content": []}]}
    end = {"choices": [{"delta": [], "finish_reason": "stop"}], "candidates": [{"content": [], "finishReason": "STOP"}]}
    chunks = [{"choices": [], "candidates": None, **nothing}, empty | nothing]
    first, last = [streamed(backend, json.dumps(chunk)) for chunk in chunks], streamed(backend, json.dumps(end))
    hostile.says = answer(*first, event(backend, "안녕", **nothing), last)

    assert str(await asking.generate("안녕")) == "안녕"


async def test_a_usage_that_was_told_is_not_forgotten(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    counts = {"usage": {"completion_tokens": 5}, "usageMetadata": {"candidatesTokenCount": 5}}
    hostile.says = answer(event(backend, "안녕", **counts), event(backend, "", "stop", usage={}, usageMetadata={}))

    assert (await asking.generate("안녕")).finish.output_tokens == 5
