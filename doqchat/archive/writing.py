"""Writes events to the database: synchronous functions, each in a transaction of its own.

The search index and the receivers of `events_archived` change in the same transaction.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from django.db import connection, transaction

from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.records import AT_ONCE, events_of, upper
from doqchat.archive.search_index import Changes
from doqchat.protocol import server
from doqchat.protocol.ids import position, position_before
from doqchat.signals import events_archived

KEY_BITS = 21
"""The number of bits of a key and of a position that are not the time."""

_SELF = ("self",)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one session, as copied from the store.

    Attributes:
        sid: the session.
        entries: id, participant and body of each; the ids have positions.
        changes: the number of changed entries in the store, see scripts/copy.lua.
    """

    sid: str
    entries: Sequence[tuple[str, str, str]]
    changes: int


def write(batches: Sequence[Batch], *, imported: bool = False) -> None:
    """Store events of several sessions in one transaction; those that are there are overwritten.

    Args:
        batches: the events.
        imported: whether they are from an import, and so are not news.
    """
    with transaction.atomic():
        sessions = _sessions([batch.sid for batch in batches])
        changes = Changes()
        written = [_sorted(sessions[batch.sid], batch, changes) for batch in batches]
        added = [event for new, _ in written for event in new]
        changed = [event for _, rewritten in written for event in rewritten]
        ArchivedEvent.objects.bulk_create(_with_keys(added), batch_size=AT_ONCE)
        for event in added:
            changes.add(event)
        ArchivedEvent.objects.bulk_update(changed, ["body", "person"], batch_size=AT_ONCE)
        _save(sessions.values())
        changes.apply()
        if added or changed:
            events_archived.send(ArchivedEvent, added=added, changed=changed, removed=[], imported=imported)


def replace_body(sid: str, entry_id: str, body: str) -> str | None:
    """Overwrite an event; returns what it was, or None if the archive does not have it."""
    if position(entry_id) is None:
        return None
    with transaction.atomic():
        event = events_of(sid).select_for_update(of=_SELF).filter(position=upper(entry_id)).first()
        if event is None:
            return None
        before = event.body
        changes = Changes()
        _rewrite(event, body, changes)
        event.save(update_fields=["body", "person"])
        changes.apply()
        events_archived.send(ArchivedEvent, added=[], changed=[event], removed=[], imported=False)
    return before


def erase(sid: str, most: int) -> int:
    """Replace up to `most` events by placeholders, see `server.erased`; returns how many were replaced.

    A session on legal hold keeps all.
    """
    with transaction.atomic():
        if ArchivedSession.objects.select_for_update().filter(sid=sid, hold=False).first() is None:
            return 0
        changed, changes = [], Changes()
        for event in events_of(sid).filter(erased=False).select_related("session").order_by("position")[:most]:
            changes.remove(event)
            event.body, event.person, event.erased = server.erased(event.body, sid), "", True
            changes.add(event)
            changed.append(event)
        ArchivedEvent.objects.bulk_update(changed, ["body", "person", "erased"], batch_size=AT_ONCE)
        changes.apply()
        if changed:
            events_archived.send(ArchivedEvent, added=[], changed=changed, removed=[], imported=False)
    return len(changed)


def expire(sid: str, older_than: str, through: str | None, most: int) -> bool:
    """Delete up to `most` events that retention does not keep; returns whether there were any.

    Args:
        sid: the session; one on legal hold keeps all.
        older_than: the first id that is kept.
        through: the last event that has left the store; None for all.
        most: maximum number of events.
    """
    with transaction.atomic():
        session = ArchivedSession.objects.select_for_update().filter(sid=sid, hold=False).first()
        if session is None:
            return False
        old = ArchivedEvent.objects.filter(session=session, position__lt=upper(older_than))
        if through is not None:
            old = old.filter(position__lte=position_before(through))
        removed = list(old.order_by("position")[:most])
        if not removed:
            return False
        session.retained_after = removed[-1].position
        session.events -= len(removed)
        session.save(update_fields=["retained_after", "events"])
        changes = Changes()
        for event in removed:
            changes.remove(event)
        changes.apply()
        events_archived.send(ArchivedEvent, added=[], changed=[], removed=removed, imported=False)
        ArchivedEvent.objects.filter(pk__in=[event.pk for event in removed]).delete()
    return True


def _sessions(sids: Sequence[str]) -> dict[str, ArchivedSession]:
    """The rows of some sessions, locked; missing ones are created."""
    rows = ArchivedSession.objects.select_for_update().order_by("sid")
    found = {session.sid: session for session in rows.filter(sid__in=sids)}
    if missing := [sid for sid in sids if sid not in found]:
        new = [ArchivedSession(sid=sid) for sid in dict.fromkeys(missing)]
        ArchivedSession.objects.bulk_create(new, ignore_conflicts=True)
        found |= {session.sid: session for session in rows.filter(sid__in=missing)}
    return found


def _save(sessions: Collection[ArchivedSession]) -> None:
    """Update rows; Django's bulk_update takes ten times as long for as few columns."""
    columns = "copied = %s, events = %s, changes = %s"
    table = ArchivedSession._meta.db_table
    rows = [(session.copied, session.events, session.changes, session.pk) for session in sessions]
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {columns} WHERE id = %s", rows)  # noqa: S608 - no values from outside


def _sorted(
    session: ArchivedSession, batch: Batch, changes: Changes
) -> tuple[list[ArchivedEvent], list[ArchivedEvent]]:
    """The events of a batch that are new, and those that have changed, with their new bodies."""
    places = {_position(entry_id): (participant, body) for entry_id, participant, body in batch.entries}
    known = [place for place in places if place <= session.copied]
    own = ArchivedEvent.objects.filter(session=session, position__in=known) if known else []
    stored = {event.position: event for event in own}
    new = [_event(session, place, *said) for place, said in places.items() if place not in stored]
    changed = []
    for place, event in stored.items():
        body = places[place][1]
        if event.body != clean(body) and not event.erased:  # the copy may have been read before the erasure
            event.session = session
            _rewrite(event, body, changes)
            changed.append(event)
    session.copied = max(session.copied, *places) if places else session.copied
    session.events += len(new)
    session.changes = batch.changes
    return new, changed


def _position(entry_id: str) -> int:
    place = position(entry_id)
    if place is None:
        raise ValueError(f"{entry_id} has no position.")
    return place


def _event(session: ArchivedSession, place: int, participant: str, body: str) -> ArchivedEvent:
    said = server.read_stored(body)
    name = clean(said.event)[:32] if said is not None else ""
    person = clean(said.person)[:32] if said is not None else ""
    return ArchivedEvent(
        session=session,
        position=place,
        participant=clean(participant),
        event=name,
        person=person,
        body=clean(body),
    )


def _rewrite(event: ArchivedEvent, body: str, changes: Changes) -> None:
    said = server.read_stored(body)
    changes.remove(event)
    event.body, event.person = clean(body), clean(said.person)[:32] if said is not None else ""
    changes.add(event)


def clean(text: str) -> str:
    """Text that every database can store: PostgreSQL refuses NUL; doqchat itself never writes it."""
    return text.replace("\0", "\ufffd")


def _with_keys(events: Sequence[ArchivedEvent]) -> Sequence[ArchivedEvent]:
    """Give events their ids: the time in milliseconds, then a number that no other event of that time has.

    So ids sort by time over all sessions, and an index by id finds the newest events of many sessions first.
    """
    taken: set[int] = set()
    for first in range(0, len(events), AT_ONCE):
        chunk = events[first : first + AT_ONCE]
        wanted = {event.position: list(_keys(event)) for event in chunk}
        taken.update(
            ArchivedEvent.objects.filter(id__in=[key for keys in wanted.values() for key in keys]).values_list(
                "id", flat=True
            )
        )
        for event in chunk:
            event.id = _free(event, taken)
            taken.add(event.id)
    return events


def _free(event: ArchivedEvent, taken: set[int]) -> int:
    key = next((key for key in _keys(event) if key not in taken), None)
    if key is not None:
        return key
    time = event.position >> KEY_BITS << KEY_BITS
    used = set(ArchivedEvent.objects.filter(id__gte=time, id__lt=time + 2**KEY_BITS).values_list("id", flat=True))
    return next(key for key in range(time, time + 2**KEY_BITS) if key not in used and key not in taken)


def _keys(event: ArchivedEvent) -> Iterator[int]:
    """The ids that are tried first: two numbers that depend on the session and the sequence."""
    time = event.position >> KEY_BITS << KEY_BITS
    for salt in (0, 1):
        yield time + (crc32(event.session.sid.encode(), salt) + event.position) % 2**KEY_BITS
