"""Stored events as the room shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from chat import wording
from doqchat.protocol.ids import time_of
from doqchat.store.stream import Entry

KINDS = {
    "chat.message": "said",
    "llm.request": "asked",
    "llm.response": "answer",
    "llm.error": "answer",
    "session.notice": "notice",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the conversation, as `parts/message.html` renders it.

    Attributes:
        id: the event's id.
        kind: `said`, `asked`, `answer` or `notice`.
        role: the author's role; own: whether that is the reader.
        author: the name above the text; tag: a word next to it, such as the model's name.
        text: the plain text.
        note: a sentence below it, for an incomplete answer; failed: whether it is an error.
    """

    id: str
    kind: str
    role: str
    own: bool
    author: str
    tag: str
    text: str
    note: str
    failed: bool

    @property
    def time(self) -> datetime:
        """When the event was stored."""
        return time_of(self.id)


def line(entry: Entry, reader: str) -> Line | None:
    """The entry as the reader with that role sees it, or None for one that the room does not show."""
    try:
        envelope = from_json(entry.body)
        event, bd = envelope["hd"]["event"], envelope["bd"]
        text = bd["prompt"] if event == "llm.request" else bd["text"]
        kind = KINDS[event]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(text, str):
        return None
    own = entry.participant == reader
    author = wording.author(entry.participant, own)
    failed = event == "llm.error"
    return Line(entry.id, kind, entry.participant, own, author, _tag(event, bd), text, _note(event, bd), failed)


def _tag(event: str, bd: dict[str, Any]) -> str:
    return wording.asked() if event == "llm.request" else str(bd.get("model", ""))


def _note(event: str, bd: dict[str, Any]) -> str:
    if event == "llm.error":
        failures = wording.failures()
        return failures.get(str(bd.get("code")), failures["failed"])
    return wording.endings().get(str(bd.get("finish_reason")), "")
