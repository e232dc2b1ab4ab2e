"""The providers' SDKs as their documentation shows them, without doqchat."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from google.genai import Client as GenAIClient
from google.genai.types import HttpOptions
from google.generativeai.client import configure
from google.generativeai.generative_models import GenerativeModel
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionUserMessageParam

Ask = Callable[[str], Awaitable[float]]
"""Asks for a streamed answer, reads all of it, and says after how many seconds its first piece came."""


def gemini(url: str, key: str) -> Ask:
    """Through google-genai."""
    client = GenAIClient(vertexai=False, api_key=key, http_options=HttpOptions(base_url=url))

    async def ask(prompt: str) -> float:
        began = time.monotonic()
        first = 0.0
        async for chunk in await client.aio.models.generate_content_stream(model="stand-in", contents=prompt):
            if chunk.text:
                first = first or time.monotonic() - began
        return first

    return ask


def gemini_legacy(url: str, key: str) -> Ask:
    """Through google-generativeai, over REST and so in a thread. It holds each piece back until the next has come."""
    configure(api_key=key, transport="rest", client_options={"api_endpoint": url})
    model = GenerativeModel("stand-in")

    def read(prompt: str) -> float:
        began = time.monotonic()
        first = 0.0
        for chunk in model.generate_content(prompt, stream=True):
            if chunk.text:
                first = first or time.monotonic() - began
        return first

    async def ask(prompt: str) -> float:
        return await asyncio.to_thread(read, prompt)

    return ask


def openai(url: str, key: str) -> Ask:
    """Through openai."""
    client = AsyncOpenAI(api_key=key, base_url=f"{url}/v1")

    async def ask(prompt: str) -> float:
        began = time.monotonic()
        first = 0.0
        message: ChatCompletionUserMessageParam = {"role": "user", "content": prompt}
        async for chunk in await client.chat.completions.create(model="stand-in", messages=[message], stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                first = first or time.monotonic() - began
        return first

    return ask


SDKS: dict[str, Callable[[str, str], Ask]] = {"gemini": gemini, "gemini-legacy": gemini_legacy, "openai": openai}
