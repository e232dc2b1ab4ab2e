"""The events of a session, newest first, with what the audit trail says about it at the time, for the admin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from pydantic_core import from_json

from chat.models import AuditRecord
from doqchat.engine import engine
from doqchat.protocol import server
from doqchat.protocol.events import LLMError, LLMResponse, ReplyUnderWay
from doqchat.protocol.ids import BEGINNING, order, parse_id, requested_at, time_of
from doqchat.store import keys
from doqchat.store.reader import Entry

EVENTS_ON_A_PAGE = 50
PAGE_BYTES = 2**20
"""Size of the events on a page, after which it ends."""

MOST_RECORDS = 200
"""Maximum number of audit records on a page."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the session's stream, or an audit record.

    Attributes:
        id: the entry's id; empty for an audit record.
        time: when it was stored.
        role, event: who said what.
        text: its text; the body of an entry that is not an envelope.
        facts: what else is known, such as the tokens of a reply.
        record: the key of the audit record; None for an entry.
        removable: whether it has a text that can be removed.
    """

    id: str
    time: datetime
    role: str
    event: str
    text: str
    facts: Sequence[str] = ()
    record: int | None = None
    removable: bool = False


@dataclass(frozen=True, slots=True)
class ActiveReply:
    """A reply that has not ended, with the seconds since its request and the number of deliveries to workers."""

    reply: ReplyUnderWay
    seconds: float
    deliveries: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of events, and the cursor of the next page; None at the beginning of the session."""

    events: Sequence[Event]
    older: str | None
    replies: Sequence[ActiveReply] = field(default=())


async def timeline(sid: str, before: str | None, *, with_records: bool) -> Timeline:
    """The events before an id, or the newest with the active replies.

    Args:
        sid: the session.
        before: the id; None for the newest.
        with_records: whether to include audit records.

    Raises Unavailable and Unreadable.
    """
    page = await engine().stream.read_range(
        sid, before=before, count=EVENTS_ON_A_PAGE, size=PAGE_BYTES, newest_first=True
    )
    entries = page.entries
    older = entries[-1].id if entries and entries[-1].prev != BEGINNING else None
    events = [_event(entry) for entry in entries]
    records = await _records(sid, before, events[-1].time if older else None) if with_records else []
    woven = sorted([*events, *records], key=lambda event: event.time, reverse=True)
    return Timeline(woven, older, [] if before else await _active(sid))


def _event(entry: Entry) -> Event:
    said = server.read_stored(entry.body) or server.StoredEvent("", entry.body)
    removable = server.placeholder(entry.body) is not None and bool(said.text)
    facts = list(_facts(entry, said.event))
    return Event(entry.id, time_of(entry.id), entry.participant, said.event, said.text, facts, None, removable)


def _facts(entry: Entry, event: str) -> Iterable[str]:
    """The time since the event before and, for the end of a reply, what is stored about it."""
    if entry.prev != BEGINNING:
        yield f"+{_seconds(entry.prev, entry.id)}"
    if event not in (LLMResponse.event, LLMError.event):
        return
    bd: Any = from_json(entry.body).get("bd")
    if not isinstance(bd, dict):
        return
    request = parse_id(str(bd.get("request_id", "")))
    if request is not None:
        yield _("{time} after the request {id}").format(time=_seconds(request, entry.id), id=request)
    for name in ("model", "finish_reason", "code"):
        if isinstance(bd.get(name), str):
            yield f"{name}: {bd[name]}"
    if isinstance(first := bd.get("first_piece_ms"), int):
        yield _("first piece after {time}").format(time=f"{first / 1000:,.3f} s")
    if isinstance(attempt := bd.get("attempt"), int):
        yield _("attempt {number}").format(number=attempt)
    usage = bd.get("usage")
    if isinstance(usage, dict) and usage.get("input_tokens") is not None:
        yield _("{asked} tokens in, {said} out").format(asked=usage["input_tokens"], said=usage.get("output_tokens"))


def _seconds(since: str, until: str) -> str:
    return f"{(order(until)[0] - order(since)[0]) / 1000:,.3f} s"


async def _records(sid: str, before: str | None, since: datetime | None) -> list[Event]:
    """The audit records of the time that the page covers."""
    found = AuditRecord.objects.filter(sid=sid)
    if since is not None:
        found = found.filter(at__gte=since)
    if before is not None:
        found = found.filter(at__lt=time_of(before))
    return [_of_record(record) async for record in found[:MOST_RECORDS]]


def _of_record(record: AuditRecord) -> Event:
    who = " ".join(filter(None, (record.name, record.subject and f"({record.subject})", record.address)))
    facts = [f"{name}: {value}" for name, value in record.details.items()]
    return Event("", record.at, record.role, record.get_action_display(), who, facts, record.pk)


async def _active(sid: str) -> list[ActiveReply]:
    replies = (await engine().snapshots.take(sid)).replies
    pipeline = engine().shards.of(sid).pipeline
    now = await pipeline.time()
    found = []
    for reply in replies:
        deliveries = await pipeline.execute("HGET", keys.reply(sid, reply.reply_id), "deliveries")
        found.append(ActiveReply(reply, now - requested_at(reply.reply_id) / 1000, deliveries or "0"))
    return found
