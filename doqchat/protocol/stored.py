"""Stored envelopes, read back."""

from dataclasses import dataclass

from pydantic_core import from_json

_SAYS = ("text", "prompt", "message")
"""Fields of `bd` that hold what was said, the first that is not empty: an `llm.error` may have a message alone."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a stored envelope says: the event's name and its words, which may be empty."""

    event: str
    text: str


def read(body: str) -> Said | None:
    """What the envelope with this JSON text says; None for a text that is no envelope, as others may have stored."""
    try:
        envelope = from_json(body, allow_inf_nan=False)
        event, bd = envelope["hd"]["event"], envelope.get("bd")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(event, str):
        return None
    words = (bd.get(name) for name in _SAYS) if isinstance(bd, dict) else ()
    return Said(event, next((text for text in words if isinstance(text, str) and text), ""))
