"""What a stand-in remembers of a request for an answer."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Call:
    """One request for an answer, as it came and as it went."""

    model: str
    method: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any]
    key: str
    turns: list[tuple[str, str]]  # the conversation as pairs of `user` or `model` and text
    system: str
    is_streamed: bool
    pieces: int = 0
    outcome: str = "open"  # then answered, refused, broken by the script, or left when the client went away first
    ended_at: float = 0.0  # as time.monotonic() has it
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def last_text(self) -> str:
        """What the last user turn says."""
        return next((text for role, text in reversed(self.turns) if role == "user"), "")

    def end(self, outcome: str) -> None:
        self.outcome, self.ended_at = outcome, time.monotonic()
        self.ended.set()

    def as_json(self) -> dict[str, Any]:
        names = ("model", "method", "query", "headers", "body", "pieces", "outcome", "ended_at")
        return {name: getattr(self, name) for name in names}
