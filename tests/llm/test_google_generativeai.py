"""What is particular to the legacy backend: its threads."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from doqchat.conf import doqchat_settings
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from tests.llm.conftest import error_of
from tests.stand_ins.gemini import GeminiStandIn


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandIn]:
    async with GeminiStandIn() as server:
        yield server


def legacy(url: str, **options: Any) -> GoogleGenerativeAI:
    return GoogleGenerativeAI("legacy", {"MODEL": "gemini-test", "API_KEY": "right-key", "BASE_URL": url, **options})


@pytest.fixture
def one_thread(gemini: GeminiStandIn) -> GoogleGenerativeAI:
    return legacy(gemini.url, THREADS=1)


async def test_a_cancelled_answer_gives_its_thread_back(one_thread: GoogleGenerativeAI, gemini: GeminiStandIn) -> None:
    stuck = asyncio.create_task(one_thread.generate("[[silent=1]]"))
    await gemini.arrivals.get()
    stuck.cancel()

    assert (await asyncio.wait_for(one_thread.generate("안녕"), 10)).finish.reason == "stop"


async def test_a_request_that_is_cancelled_while_it_waits_for_a_thread_is_never_sent(
    one_thread: GoogleGenerativeAI, gemini: GeminiStandIn
) -> None:
    stuck = asyncio.create_task(one_thread.generate("[[silent=1]]"))
    await gemini.arrivals.get()
    waiting = asyncio.create_task(one_thread.generate("never sent"))
    await asyncio.sleep(0)  # lets it get in line
    for task in (waiting, stuck):
        task.cancel()
    await asyncio.gather(waiting, stuck, return_exceptions=True)
    await one_thread.generate("after them")

    assert [call.last_text for call in gemini.calls] == ["[[silent=1]]", "after them"]


@pytest.mark.slow
async def test_who_waits_for_a_thread_does_not_wait_for_the_provider(gemini: GeminiStandIn) -> None:
    model = legacy(gemini.url, THREADS=2, FIRST_PIECE_SECONDS=1, TOTAL_SECONDS=3)
    await model.prepare()
    replies = await asyncio.gather(*(model.generate(f"[[pieces=20 pace=0.1]] {number}") for number in range(4)))

    assert {reply.finish.reason for reply in replies} == {"stop"}


async def test_as_many_answers_are_read_at_once_as_a_worker_writes(gemini: GeminiStandIn) -> None:
    at_once = doqchat_settings().replies.concurrency
    model = legacy(gemini.url)
    answers = [asyncio.create_task(model.generate("[[silent=1]]")) for _ in range(at_once)]
    for _ in answers:
        await asyncio.wait_for(gemini.arrivals.get(), 30)
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


@pytest.mark.slow
async def test_a_server_that_takes_no_connection_is_unavailable_long_before_it_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        host, port = full.getsockname()
        model = legacy(f"http://{host}:{port}", RETRIES=0, FIRST_PIECE_SECONDS=30)
        error = await error_of(model, "안녕")

    assert error.code == "unavailable"
    assert "Connect" in error.detail
