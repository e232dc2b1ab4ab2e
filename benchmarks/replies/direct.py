"""The providers' SDKs as their documentation shows them, without doqchat."""

import time
from collections.abc import Awaitable, Callable

from google.genai import Client as GenAIClient
from google.genai.types import HttpOptions
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


SDKS: dict[str, Callable[[str, str], Ask]] = {"gemini": gemini, "openai": openai}
