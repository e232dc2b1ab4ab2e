"""Answers as bytes on the wire, for what the stand-ins of well-behaved providers do not do."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.stand_ins.hostile import head

STREAM = head("200 OK", "content-type: text/event-stream", "connection: close")


def event(backend: type[ProviderLLM], text: str, finish: str | None = None, **others: Any) -> bytes:
    """A chunk of an answer as the backend's provider streams it."""
    if backend is OpenAI:
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **others}
    else:
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        chunk = {"candidates": [candidate | ({"finishReason": finish.upper()} if finish else {})], **others}
    return streamed(backend, json.dumps(chunk))


def streamed(backend: type[ProviderLLM], data: str) -> bytes:
    """An event of a stream: one of a list for the older SDK."""
    return (f"{data},\r\n" if backend is GoogleGenerativeAI else f"data: {data}\n\n").encode()


def answer(*parts: bytes | float) -> Callable[[], Iterable[bytes | float]]:
    return lambda: (STREAM, *parts)


def refusal(status: str, body: Any, *lines: str) -> Callable[[], Iterable[bytes]]:
    """A response with an HTTP error; the body is sent as it is, or as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda: [head(status, "connection: close", f"content-length: {len(content)}", *lines), content]
