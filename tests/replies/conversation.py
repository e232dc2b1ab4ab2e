"""What clients see of replies."""

from collections.abc import Iterable
from typing import Any

from tests.client import Client, Frame

ENDS = ("llm.response", "llm.error")


async def ask(client: Client, prompt: str, **bd: Any) -> Frame:
    """Send an `llm.request`; the request as the session sees it."""
    await client.send("llm.request", {"prompt": prompt, **bd})
    return await client.recv_event("llm.request")


def pieces(frames: Iterable[Frame], attempt: int | None = None) -> list[Any]:
    """The bodies of `llm.streaming` frames, of one attempt or all."""
    bodies = [frame["bd"] for frame in frames if frame["hd"]["event"] == "llm.streaming"]
    return [body for body in bodies if attempt in (None, body["attempt"])]


def joined(pieces: Iterable[Any], begun: str = "") -> str:
    """The text that pieces make, after what was said before; each has to begin where the last one ended."""
    text = begun
    for piece in pieces:
        assert piece["offset"] == len(text)
        text += piece["text"]
    return text
