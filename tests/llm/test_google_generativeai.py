"""What is particular to the legacy backend: its threads."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from doqchat.llm.google_generativeai import GoogleGenerativeAI
from tests.stand_ins.gemini import GeminiStandIn


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandIn]:
    async with GeminiStandIn() as server:
        yield server


@pytest.fixture
def one_thread(gemini: GeminiStandIn) -> GoogleGenerativeAI:
    options = {"MODEL": "gemini-test", "API_KEY": "right-key", "BASE_URL": gemini.url, "THREADS": 1}
    return GoogleGenerativeAI("legacy", options)


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
