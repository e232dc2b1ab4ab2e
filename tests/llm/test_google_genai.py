"""What is particular to the current Gemini SDK."""

import asyncio

from doqchat.llm.base import Piece
from doqchat.llm.google_genai import GoogleGenAI
from tests.stand_ins.gemini import GeminiStandIn


async def test_more_answers_than_the_sdks_usual_pool_takes_are_under_way_at_once(gemini: GeminiStandIn) -> None:
    model = GoogleGenAI("current", {"MODEL": "gemini-test", "API_KEY": "right-key", "BASE_URL": gemini.url})
    streams = [model.stream("[[pieces=2 hang=1]]") for _ in range(130)]
    first = await asyncio.gather(*(anext(stream) for stream in streams))
    open_connections = gemini.connections
    await asyncio.gather(*(stream.aclose() for stream in streams))

    assert set(first) == {Piece("조각 1 🙂 ")}
    assert open_connections == 130
