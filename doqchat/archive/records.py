"""Writes events to the database and reads them: synchronous functions, each in a transaction of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from django.db import models, transaction
from django.db.models import Count
from django.utils import timezone

from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.protocol import server
from doqchat.protocol.ids import id_at, position, position_before
from doqchat.signals import events_archived
from doqchat.store.older import Known, Older, Raw

_KEY_BITS = 21
_AT_ONCE = 500
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


def write(batches: Iterable[Batch]) -> None:
    """Store events of several sessions in one transaction; those that are there are overwritten."""
    with transaction.atomic():
        for batch in batches:
            _write_batch(batch)


def replace_body(sid: str, entry_id: str, body: str) -> str | None:
    """Overwrite an event; returns what it was, or None if the archive does not have it."""
    if position(entry_id) is None:
        return None
    with transaction.atomic():
        event = _events(sid).select_for_update(of=_SELF).filter(position=_upper(entry_id)).first()
        if event is None:
            return None
        before, event.body = event.body, clean(body)
        event.save(update_fields=["body"])
        events_archived.send(ArchivedEvent, session=event.session, added=[], changed=[event])
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
        within = within.filter(position__lt=_upper(before))
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


def counts(sid: str, through: str | None) -> Counter[str]:
    """The number of events of each role, up to an id."""
    events = _events(sid) if through is None else _events(sid).filter(position__lte=position_before(through))
    return Counter(dict(events.order_by().values_list("participant").annotate(Count("id"))))


def cut(sid: str, *, keep: int, older_than: str | None, border: str, most: int) -> str | None:
    """The last event that can leave the store.

    Args:
        sid: the session.
        keep: the number of copied events that stay in the store.
        older_than: older events than this id leave it as well; None for no limit.
        border: the last event that has left it.
        most: maximum number of events that leave it at once.
    """
    copied = _events(sid).filter(position__gt=position_before(border))
    places = copied.order_by("-position").values_list("position", flat=True)
    candidates = list(places[keep : keep + 1])
    if older_than is not None:
        candidates += places.filter(position__lt=_upper(older_than))[:1]
    if not candidates:
        return None
    farthest = copied.order_by("position").values_list("position", flat=True)[most - 1 : most]
    return id_at(min([max(candidates), *farthest]))


def said_since(sid: str, since: str) -> list[tuple[str, str]]:
    """The roles and bodies of the events after an id, for their idempotency keys."""
    recent = _events(sid).filter(position__gt=position_before(since))
    return list(recent.order_by("position").values_list("participant", "body"))


def leave(sid: str, state: str) -> None:
    """Record that a session leaves the store."""
    ArchivedSession.objects.filter(sid=sid).update(state=state, left_at=timezone.now())


def _events(sid: str) -> models.QuerySet[ArchivedEvent]:
    return ArchivedEvent.objects.filter(session__sid=sid)


def _upper(entry_id: str) -> int:
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


def _write_batch(batch: Batch) -> None:
    session, _ = ArchivedSession.objects.select_for_update().get_or_create(sid=batch.sid)
    places = {_position(entry_id): (participant, body) for entry_id, participant, body in batch.entries}
    own = ArchivedEvent.objects.filter(session=session)
    stored = {event.position: event for event in own.filter(position__in=places)}
    new = [_event(session, place, *said) for place, said in places.items() if place not in stored]
    changed = []
    for place, event in stored.items():
        if event.body != (body := clean(places[place][1])):
            event.body = body
            changed.append(event)
    ArchivedEvent.objects.bulk_create(_with_keys(new), batch_size=_AT_ONCE)
    ArchivedEvent.objects.bulk_update(changed, ["body"], batch_size=_AT_ONCE)
    session.copied = max(session.copied, *places) if places else session.copied
    session.events += len(new)
    session.changes = batch.changes
    session.save(update_fields=["copied", "events", "changes"])
    events_archived.send(ArchivedEvent, session=session, added=new, changed=changed)


def _position(entry_id: str) -> int:
    place = position(entry_id)
    if place is None:
        raise ValueError(f"{entry_id} has no position.")
    return place


def _event(session: ArchivedSession, place: int, participant: str, body: str) -> ArchivedEvent:
    said = server.read_stored(body)
    name = clean(said.event)[:32] if said is not None else ""
    return ArchivedEvent(session=session, position=place, participant=clean(participant), event=name, body=clean(body))


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
    time = event.position >> _KEY_BITS << _KEY_BITS
    used = set(ArchivedEvent.objects.filter(id__gte=time, id__lt=time + 2**_KEY_BITS).values_list("id", flat=True))
    return next(key for key in range(time, time + 2**_KEY_BITS) if key not in used and key not in taken)


def _keys(event: ArchivedEvent) -> Iterator[int]:
    """The ids that are tried first: two numbers that depend on the session and the sequence."""
    time = event.position >> _KEY_BITS << _KEY_BITS
    for salt in (0, 1):
        yield time + (crc32(event.session.sid.encode(), salt) + event.position) % 2**_KEY_BITS
