"""Stored events as the room shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.utils.timezone import localtime
from pydantic_core import from_json

from chat import wording
from doqchat.protocol.ids import parse_time, time_of
from doqchat.store.reader import Entry

KINDS = {
    "chat.message": "said",
    "llm.request": "asked",
    "llm.response": "answer",
    "llm.error": "answer",
    "session.notice": "notice",
    "message.removed": "notice",
    "session.closed": "notice",
}

_DONE = {"message.removed": "removed", "session.closed": "closed"}


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the conversation, as `parts/message.html` renders it.

    Attributes:
        id: the event's id.
        kind: `said`, `asked`, `answer` or `notice`.
        role: the author's role; own: whether that is the reader.
        name: the name in the event; person: the pseudonym of its author; empty for none.
        author: the name above the text; tag: a word next to it, such as the model's name.
        text: the plain text.
        note: a sentence below it, for an incomplete answer or a moderator's reason; failed: whether it is an error.
        removed: whether a moderator has removed the text.
        until: when the reported mute ends.
        request: the id of the request that it answers.
    """

    id: str
    kind: str
    role: str
    own: bool
    author: str
    tag: str
    text: str
    note: str
    failed: bool = False
    removed: bool = False
    name: str = ""
    person: str = ""
    until: datetime | None = None
    request: str = ""

    @property
    def time(self) -> datetime:
        """When the event was stored."""
        return time_of(self.id)

    @property
    def end(self) -> str:
        """When the reported mute ends, as text."""
        return "" if self.until is None else wording.until().format(time=f"{localtime(self.until):%Y-%m-%d %H:%M}")


def line(
    entry: Entry, reader: str, names: Mapping[str, str] = MappingProxyType({}), person: str | None = None
) -> Line | None:
    """The entry as a reader sees it, or None for one that the room does not show.

    Args:
        entry: the entry.
        reader: the reader's role; person: the reader's pseudonym, if known.
        names: the names in the session's settings by role.
    """
    try:
        envelope = from_json(entry.body)
        hd, bd = envelope["hd"], envelope["bd"]
        kind = KINDS[hd["event"]]
        if kind == "notice":
            return _notice(entry, hd, bd, names)
        known = person is None or hd.get("person", person) == person
        return _message(entry, hd, bd, kind, known and entry.participant == reader, names)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _message(
    entry: Entry, hd: dict[str, Any], bd: dict[str, Any], kind: str, own: bool, names: Mapping[str, str]
) -> Line | None:
    event, name, person = hd["event"], str(hd.get("name") or ""), str(hd.get("person") or "")
    author = wording.author(entry.participant, own, name, names)
    if hd.get("removed") is True:
        text = wording.removed()
        return Line(
            entry.id, kind, entry.participant, own, author, "", text, "", removed=True, name=name, person=person
        )
    text = bd["prompt"] if event == "llm.request" else bd["text"]
    if not isinstance(text, str):
        return None
    failed, request = event == "llm.error", str(bd.get("request_id", "")) if kind == "answer" else ""
    tag, note = _tag(event, bd), _note(event, bd)
    return Line(
        entry.id, kind, entry.participant, own, author, tag, text, note, failed, False, name, person, request=request
    )


def _notice(entry: Entry, hd: dict[str, Any], bd: dict[str, Any], names: Mapping[str, str]) -> Line:
    """A line without an author; what moderators did is in the language of the page."""
    moderators = wording.moderators()
    pattern = wording.notices().get(_DONE.get(hd["event"]) or bd["code"])
    by = moderators["named"].format(name=hd["name"]) if hd.get("name") else moderators["unnamed"]
    name = wording.author(bd.get("role", ""), own=False, session=names)
    if bd.get("code") == "admin":
        pattern = wording.notice()["named" if hd.get("name") else "unnamed"]
        text = pattern.format(name=hd.get("name"), text=bd["text"])
    else:
        text = str(bd["text"]) if pattern is None else pattern.format(by=by, name=name)
    note = wording.reason().format(reason=bd["reason"]) if bd.get("reason") else ""
    return Line(entry.id, "notice", entry.participant, False, "", "", text, note, until=_until(bd))


def _until(bd: dict[str, Any]) -> datetime | None:
    """When a mute ends; None for never, and for a time that the site's time zone does not have."""
    try:
        return localtime(parse_time(bd["until"])) if bd.get("until") else None
    except OverflowError:
        return None


def _tag(event: str, bd: dict[str, Any]) -> str:
    return wording.asked() if event == "llm.request" else str(bd.get("model", ""))


def _note(event: str, bd: dict[str, Any]) -> str:
    if event == "llm.error":
        failures = wording.failures()
        return failures.get(str(bd.get("code")), failures["failed"])
    return wording.endings().get(str(bd["finish_reason"]), "") if "finish_reason" in bd else ""
