"""Writes events to the database and reads them: synchronous functions, each in a transaction of its own."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from django.db import models, transaction
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.search_index import Changes
from doqchat.protocol import server
from doqchat.protocol.ids import id_at, position, position_before
from doqchat.signals import events_archived
from doqchat.store.older import Known, Older, Raw

KEY_BITS = 21
"""The number of bits of a key and of a position that are not the time."""

_DAY_MS = 24 * 60 * 60 * 1000
_AT_ONCE = 500
_SELF = ("self",)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive events of one session, as copied from the store.

    Attributes:
        sid: the session.
        entries: id, participant and body of each; the ids have positions.
        changes: the number of changed entries in the store, see scripts/copy.lua.
        imported: whether they are from an import, and so are not news.
    """

    sid: str
    entries: Sequence[tuple[str, str, str]]
    changes: int
    imported: bool = False


def write(batches: Iterable[Batch]) -> None:
    """Store events of several sessions in one transaction; those that are there are overwritten."""
    with transaction.atomic():
        changes = Changes()
        for batch in batches:
            _write_batch(batch, changes)
        changes.apply()


def replace_body(sid: str, entry_id: str, body: str) -> str | None:
    """Overwrite an event; returns what it was, or None if the archive does not have it."""
    if position(entry_id) is None:
        return None
    with transaction.atomic():
        event = _events(sid).select_for_update(of=_SELF).filter(position=upper(entry_id)).first()
        if event is None:
            return None
        before = event.body
        changes = Changes()
        _rewrite(event, body, changes)
        event.save(update_fields=["body", "person"])
        changes.apply()
        events_archived.send(ArchivedEvent, session=event.session, added=[], changed=[event], removed=[])
    return before


def known(sid: str) -> Known | None:
    """What the archive knows of a session; None if it has nothing."""
    session = ArchivedSession.objects.filter(sid=sid).first()
    if session is None:
        return None
    return Known(id_at(session.copied), session.events, session.changes, id_at(session.retained_after), session.state)


def read(
    sid: str, after: str, before: str | None, through: str | None, *, count: int, size: int, newest_first: bool
) -> Older:
    """The first or last events between two ids; see `Archive.read`."""
    within = _events(sid).filter(position__gt=position_before(after))
    if before is not None:
        within = within.filter(position__lt=upper(before))
    if through is not None:
        within = within.filter(position__lte=position_before(through))
    rows = within.order_by("-position" if newest_first else "position").values_list("position", "participant", "body")
    raw: list[Raw] = []
    read_bytes, more = 0, False
    for place, participant, body in rows[: count + 1].iterator(chunk_size=min(count + 1, _AT_ONCE)):
        if len(raw) == count or read_bytes >= size:
            more = True
            break
        raw.append((id_at(place), ["participant", participant, "body", body]))
        read_bytes += len(participant) + len(body.encode())
    return Older(raw, read_bytes, more, _earlier(sid, raw, newest_first=newest_first))


def first_id(sid: str) -> str | None:
    """The id of the first event in the archive."""
    first = _events(sid).order_by("position").values_list("position", flat=True).first()
    return None if first is None else id_at(first)


def sids_after(sid: str, count: int) -> list[str]:
    """The names of the next sessions, in their order."""
    return list(ArchivedSession.objects.filter(sid__gt=sid).order_by("sid").values_list("sid", flat=True)[:count])


def counts(sid: str, through: str | None) -> Counter[str]:
    """The number of events of each role, up to an id."""
    events = _events(sid) if through is None else _events(sid).filter(position__lte=position_before(through))
    return Counter(dict(events.order_by().values_list("participant").annotate(Count("id"))))


def cut(sid: str, *, keep: int, live_days: float | None, now: int, border: str, most: int) -> str | None:
    """The last event that can leave the store.

    Args:
        sid: the session.
        keep: the number of copied events that stay in the store.
        live_days: age of the oldest events that stay in it, or the session's own retention if shorter; None for any.
        now: ms of the store's clock.
        border: the last event that has left it.
        most: maximum number of events that leave it at once.
    """
    copied = _events(sid).filter(position__gt=position_before(border))
    places = copied.order_by("-position").values_list("position", flat=True)
    candidates = list(places[keep : keep + 1])
    if live_days is not None:
        own = ArchivedSession.objects.filter(sid=sid).values_list("retention_days", flat=True).first()
        days = live_days if own is None else min(live_days, own)
        candidates += places.filter(position__lt=_position_at(now, days))[:1]
    if not candidates:
        return None
    farthest = copied.order_by("position").values_list("position", flat=True)[most - 1 : most]
    return id_at(min([max(candidates), *farthest]))


def expired(now: int, site_days: float | None) -> list[tuple[str, str]]:
    """Sessions with events that retention does not keep, and the first id that it keeps.

    Args:
        now: ms of the store's clock.
        site_days: age after which events are deleted in sessions without retention of their own; None for never.
    """
    first = ArchivedEvent.objects.filter(session=OuterRef("pk")).order_by("position").values("position")[:1]
    sessions = ArchivedSession.objects.filter(hold=False).annotate(first=Subquery(first))
    if site_days is None:
        sessions = sessions.exclude(retention_days=None)
    found = []
    for sid, own, position_of_first in sessions.values_list("sid", "retention_days", "first"):
        days = site_days if own is None else own
        if days is not None and position_of_first is not None and position_of_first < (end := _position_at(now, days)):
            found.append((sid, id_at(end)))
    return found


def said_since(sid: str, since: str) -> list[tuple[str, str]]:
    """The roles and bodies of the events after an id, for their idempotency keys."""
    recent = _events(sid).filter(position__gt=position_before(since))
    return list(recent.order_by("position").values_list("participant", "body"))


def of_person(persons: Mapping[str, str]) -> dict[str, list[str]]:
    """The events of a person that are not erased, by session.

    Args:
        persons: the sessions that are searched, by the person's pseudonym in each.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    pseudonyms = list(persons)
    for first in range(0, len(pseudonyms), _AT_ONCE):
        events = ArchivedEvent.objects.filter(person__in=pseudonyms[first : first + _AT_ONCE])
        rows = events.order_by("position").values_list("session__sid", "person", "position")
        for sid, person, place in rows:
            if persons.get(person) == sid:
                found[sid].append(id_at(place))
    return dict(found)


def states(sids: Sequence[str]) -> dict[str, str]:
    """What else the store had of sessions when they last left it."""
    return dict(ArchivedSession.objects.filter(sid__in=sids).exclude(state="").values_list("sid", "state"))


def sids() -> list[str]:
    """All sessions in the archive."""
    return list(ArchivedSession.objects.order_by("pk").values_list("sid", flat=True))


def held(sids: Sequence[str]) -> set[str]:
    """Those of some sessions that are on legal hold."""
    return set(ArchivedSession.objects.filter(sid__in=sids, hold=True).values_list("sid", flat=True))


def unerased(sid: str) -> int:
    """The number of events of a session that are not erased."""
    return _events(sid).filter(erased=False).count()


def erase(sid: str, most: int) -> int:
    """Replace up to `most` events by placeholders, see `server.erased`; returns how many were replaced."""
    with transaction.atomic():
        changed, changes = [], Changes()
        for event in _events(sid).filter(erased=False).select_related("session").order_by("position")[:most]:
            changes.remove(event)
            event.body, event.person, event.erased = server.erased(event.body, sid), "", True
            changes.add(event)
            changed.append(event)
        ArchivedEvent.objects.bulk_update(changed, ["body", "person", "erased"], batch_size=_AT_ONCE)
        changes.apply()
        if changed:
            events_archived.send(ArchivedEvent, session=changed[0].session, added=[], changed=changed, removed=[])
    return len(changed)


def expire(sid: str, older_than: str, through: str | None, most: int) -> int:
    """Delete up to `most` events that retention does not keep; returns how many were deleted.

    Args:
        sid: the session; one on legal hold keeps all.
        older_than: the first id that is kept.
        through: the last event that has left the store; None for all.
        most: maximum number of events.
    """
    with transaction.atomic():
        session = ArchivedSession.objects.select_for_update().filter(sid=sid, hold=False).first()
        if session is None:
            return 0
        old = ArchivedEvent.objects.filter(session=session, position__lt=upper(older_than))
        if through is not None:
            old = old.filter(position__lte=position_before(through))
        removed = list(old.order_by("position")[:most])
        if not removed:
            return 0
        session.retained_after = removed[-1].position
        session.events -= len(removed)
        session.save(update_fields=["retained_after", "events"])
        changes = Changes()
        for event in removed:
            changes.remove(event)
        changes.apply()
        events_archived.send(ArchivedEvent, session=session, added=[], changed=[], removed=removed)
        ArchivedEvent.objects.filter(pk__in=[event.pk for event in removed]).delete()
    return len(removed)


def forget_state(sid: str) -> None:
    """Delete what a session had in the store when it last left it; it is in the store now."""
    ArchivedSession.objects.filter(sid=sid).update(state="")


def leave(sid: str, state: str) -> None:
    """Record that a session leaves the store."""
    ArchivedSession.objects.filter(sid=sid).update(state=state, left_at=timezone.now())


def _position_at(now: int, days: float) -> int:
    """The first position within the last days."""
    return position_before(f"{max(now - int(days * _DAY_MS), 0)}-0")


def _events(sid: str) -> models.QuerySet[ArchivedEvent]:
    return ArchivedEvent.objects.filter(session__sid=sid)


def upper(entry_id: str) -> int:
    """The first position that is not before an id."""
    exact = position(entry_id)
    return position_before(entry_id) + 1 if exact is None else exact


def _earlier(sid: str, raw: Sequence[Raw], *, newest_first: bool) -> str | None:
    """The id before the earliest of some events; None if there is none."""
    if not raw:
        return None
    earliest = raw[-1 if newest_first else 0][0]
    before = _events(sid).filter(position__lt=position_before(earliest)).order_by("-position")
    place = before.values_list("position", flat=True).first()
    return None if place is None else id_at(place)


def _write_batch(batch: Batch, changes: Changes) -> None:
    session, _ = ArchivedSession.objects.select_for_update().get_or_create(sid=batch.sid)
    places = {_position(entry_id): (participant, body) for entry_id, participant, body in batch.entries}
    own = ArchivedEvent.objects.filter(session=session)
    stored = {event.position: event for event in own.filter(position__in=places)}
    new = [_event(session, place, *said) for place, said in places.items() if place not in stored]
    changed = []
    for place, event in stored.items():
        body = places[place][1]
        if event.body != clean(body):
            _rewrite(event, body, changes)
            changed.append(event)
    ArchivedEvent.objects.bulk_create(_with_keys(new), batch_size=_AT_ONCE)
    for event in new:
        changes.add(event)
    ArchivedEvent.objects.bulk_update(changed, ["body", "person"], batch_size=_AT_ONCE)
    session.copied = max(session.copied, *places) if places else session.copied
    session.events += len(new)
    session.changes = batch.changes
    session.save(update_fields=["copied", "events", "changes"])
    events_archived.send(
        ArchivedEvent, session=session, added=new, changed=changed, removed=[], imported=batch.imported
    )


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
    for first in range(0, len(events), _AT_ONCE):
        chunk = events[first : first + _AT_ONCE]
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
