"""Stored envelopes, read back."""

from dataclasses import dataclass

from pydantic_core import from_json

_SAYS = ("text", "prompt", "message")
"""Fields of `bd` that contain the text; the first non-empty one counts (an `llm.error` may only have a message)."""


@dataclass(frozen=True, slots=True)
class Said:
    """The name and text of a stored event; the text may be empty."""

    event: str
    text: str


def read(body: str) -> Said | None:
    """Parse a stored envelope; None if the text is not an envelope, because other programs can write entries."""
    try:
        envelope = from_json(body, allow_inf_nan=False)
        event, bd = envelope["hd"]["event"], envelope.get("bd")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(event, str):
        return None
    words = (bd.get(name) for name in _SAYS) if isinstance(bd, dict) else ()
    return Said(event, next((text for text in words if isinstance(text, str) and text), ""))
