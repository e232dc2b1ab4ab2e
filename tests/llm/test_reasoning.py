"""A model that reasons before it answers is waited for, and what it thinks is not shown."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from doqchat.llm.answers import Finish, Piece, Thought
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from doqchat.llm.thinking import without_reasoning
from tests.llm.conftest import error_of
from tests.llm.raw_answers import answer, event, streamed
from tests.stand_ins.hostile import HostileStandIn

STOP = Finish("stop", "m", None, None)


def thought(backend: type[ProviderLLM], delta: dict[str, Any]) -> bytes:
    """A chunk with reasoning."""
    candidate = {"content": {"parts": [{"text": "hmm", "thought": True}]}}
    chunk = {"choices": [{"delta": delta}]} if backend is OpenAI else {"candidates": [candidate]}
    return streamed(backend, json.dumps(chunk))


@pytest.mark.parametrize(
    ("backend", "delta"),
    [
        (GoogleGenAI, {}),
        (GoogleGenerativeAI, {}),
        (OpenAI, {"reasoning_content": "hmm"}),
        (OpenAI, {"reasoning": "hmm", "content": ""}),
        (OpenAI, {"thinking": "hmm", "content": None}),
        (OpenAI, {"reasoning_details": [{"type": "reasoning.encrypted", "data": "…"}]}),
        (OpenAI, {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hmm"}]}]}),
    ],
)
async def test_reasoning_is_a_sign_of_life(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, delta: dict[str, Any]
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"FIRST_PIECE_SECONDS": 1, "IDLE_SECONDS": 1})
    thoughts = [part for _ in range(5) for part in (thought(backend, delta), 0.3)]
    hostile.says = answer(*thoughts, event(backend, "안녕"), event(backend, "", "stop"))

    assert str(await asking.generate("안녕")) == "안녕"


@pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])
async def test_reasoning_without_end_meets_the_deadline_of_the_whole_answer(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"TOTAL_SECONDS": 1})
    hostile.says = answer(*[thought(backend, {"reasoning": "hmm"}), 0.1] * 100)

    assert (await error_of(asking, "안녕")).code == "timeout"


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["<think>hmm</think>\n\n안녕"], "안녕"),
        (["\n<thi", "nk>", "hm", "m</th", "ink>", "\n", "\n", "안녕", " 하세요"], "안녕 하세요"),
        (list("<Thinking>hmm</thinkingX></Thinking> 안녕"), "안녕"),
        (["[THINK]hmm[/THINK]안녕"], "안녕"),
        (["<think></think>", "안녕"], "안녕"),
        (["<think>hmm", "안녕"], "hmm안녕"),
        (["<thi"], "<thi"),
        (["<", "b>bold</b>"], "<b>bold</b>"),
        (["I write <think>", "hmm</think>"], "I write <think>hmm</think>"),
        (["  \n", "안녕"], "  \n안녕"),
        (["<think>" + "x" * 50, "</think>"], ""),
        (["İ<think>"], "İ<think>"),
        (["<think>İİİ</think>안녕"], "안녕"),
    ],
)
async def test_a_block_of_reasoning_at_the_start_of_the_text_is_not_shown(pieces: list[str], shown: str) -> None:
    async def events() -> AsyncGenerator[Piece | Finish, None]:
        for piece in pieces:
            yield Piece(piece)
        yield STOP

    got = [event async for event in without_reasoning(events(), 1000)]

    assert "".join(each.text for each in got if isinstance(each, Piece)) == shown
    assert got[-1] == STOP
    assert len(got) >= len(pieces) or Thought() not in got


@pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])
async def test_it_is_not_shown_whichever_provider_writes_it(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    hostile.says = answer(
        *[event(backend, text) for text in ("<thi", "nk>hmm</think>", "안녕")], event(backend, "", "stop")
    )

    assert str(await asking.generate("안녕")) == "안녕"
