"""The stand-ins behave as the APIs that they stand in for, as far as the SDKs' own calls and the controls go."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from tests.stand_ins.gemini import GeminiStandIn
from tests.stand_ins.openai import OpenAIStandIn

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiStandIn]:
    async with GeminiStandIn() as server:
        yield server


async def test_google_genai_reads_its_plain_answer(gemini: GeminiStandIn) -> None:
    from google import genai

    client = genai.Client(vertexai=False, api_key="k", http_options={"base_url": gemini.url})
    response = await client.aio.models.generate_content(model="m", contents="[[pieces=2]]")

    assert response.text == "조각 1 🙂 조각 2 🙂 "
    assert gemini.calls[0].method == "generateContent"


async def test_google_generativeai_reads_its_plain_and_its_streamed_answer(gemini: GeminiStandIn) -> None:
    import google.generativeai as genai

    genai.configure(api_key="k", transport="rest", client_options={"api_endpoint": gemini.url})
    model = genai.GenerativeModel("m")
    plain = await asyncio.to_thread(model.generate_content, "[[pieces=2]]")
    streamed = await asyncio.to_thread(lambda: [chunk.text for chunk in model.generate_content("hi", stream=True)])

    assert plain.text == "조각 1 🙂 조각 2 🙂 "
    assert streamed == ["조각 1 🙂 ", "조각 2 🙂 ", "조각 3 🙂 "]


async def test_openai_reads_its_plain_and_its_streamed_answer() -> None:
    from openai import AsyncOpenAI

    async with OpenAIStandIn() as server, AsyncOpenAI(api_key="k", base_url=server.url) as client:
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "[[pieces=2]]"}]
        plain = await client.chat.completions.create(model="m", messages=messages)
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        streamed = [chunk.choices[0].delta.content async for chunk in stream]

    assert plain.choices[0].message.content == "조각 1 🙂 조각 2 🙂 "
    assert plain.usage
    assert plain.usage.completion_tokens == 2
    assert streamed == ["", "조각 1 🙂 ", "조각 2 🙂 ", None]


async def test_its_controls_set_what_it_says_and_tell_what_it_was_asked(gemini: GeminiStandIn) -> None:
    async def ask(method: str, path: str, body: object = None) -> object:
        data = json.dumps(body).encode() if body is not None else None
        request = Request(gemini.url + path, data, {"x-goog-api-key": "k"}, method=method)
        with await asyncio.to_thread(urlopen, request) as response:
            return json.load(response)

    await ask("POST", "/script", {"text": "hello", "pieces": 1})
    contents = [{"role": "user", "parts": [{"text": "hi"}]}]
    await ask("POST", "/v1beta/models/m:generateContent", {"contents": contents})

    recorded = await ask("GET", "/requests")
    assert isinstance(recorded, list)
    assert [(call["model"], call["outcome"], call["body"]) for call in recorded] == [
        ("m", "answered", {"contents": contents})
    ]
    assert await ask("GET", "/connections") == {"open": 0}
    await ask("DELETE", "/requests")
    assert await ask("GET", "/requests") == []
