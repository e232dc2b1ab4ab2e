"""Reads the archive: synchronous functions, and what is recorded of a whole session."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db import connection, models
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.protocol import server
from doqchat.protocol.events import LLMError, LLMResponse
from doqchat.protocol.ids import id_at, position, position_before
from doqchat.store.clients import pairs
from doqchat.store.older import Known, Older, Raw

_DAY_MS = 24 * 60 * 60 * 1000
AT_ONCE = 500
"""Rows per query."""


def is_known(sid: str) -> bool:
    """Whether the archive has a session; asked at each first connect to one. A query set takes ten times as long."""
    table = connection.ops.quote_name(ArchivedSession._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} WHERE sid = %s", [sid])  # noqa: S608 - the name of a table of ours
        return cursor.fetchone() is not None


def known(sid: str) -> Known | None:
    """What the archive knows of a session; None if it has nothing."""
    session = ArchivedSession.objects.filter(sid=sid).first()
    if session is None:
        return None
    return Known(
        copied=id_at(session.copied),
        events=session.events,
        changes=session.changes,
        retained_after=id_at(session.retained_after),
        state=session.state,
        retention_days=session.retention_days,
        hold=session.hold,
    )


def read(
    sid: str, after: str, before: str | None, through: str | None, *, count: int, size: int, newest_first: bool
) -> Older:
    """The first or last events between two ids; see `Archive.read`."""
    # Forwards, the event at the lower bound comes along: it is usually there, and is the one before the range.
    bound = position_before(after)
    within = events_of(sid).filter(position__gte=bound + newest_first)
    if before is not None:
        within = within.filter(position__lt=upper(before))
    if through is not None:
        within = within.filter(position__lte=position_before(through))
    rows = within.order_by("-position" if newest_first else "position").values_list("position", "participant", "body")
    raw: list[Raw] = []
    read_bytes, more, earlier = 0, False, None
    for place, participant, body in rows[: count + 2].iterator(chunk_size=AT_ONCE):
        if place == bound and not newest_first:
            earlier = id_at(place)
            continue
        if len(raw) == count or read_bytes >= size:
            more = True
            break
        raw.append((id_at(place), ["participant", participant, "body", body]))
        read_bytes += len(participant) + len(body.encode())
    return Older(raw, read_bytes, more, earlier or _earlier(sid, raw, newest_first=newest_first))


def first_id(sid: str) -> str | None:
    """The id of the first event in the archive."""
    first = events_of(sid).order_by("position").values_list("position", flat=True).first()
    return None if first is None else id_at(first)


def sids_after(sid: str, count: int) -> list[str]:
    """The names of the next sessions, in their order."""
    return list(ArchivedSession.objects.filter(sid__gt=sid).order_by("sid").values_list("sid", flat=True)[:count])


def counts(sid: str, through: str | None) -> Counter[str]:
    """The number of events of each role, up to an id."""
    events = events_of(sid) if through is None else events_of(sid).filter(position__lte=position_before(through))
    return Counter(dict(events.order_by().values_list("participant").annotate(Count("id"))))


def cut(sid: str, *, keep: int, by_age: bool, live_days: float | None, now: int, border: str, most: int) -> str | None:
    """The last event that can leave the store.

    Args:
        sid: the session.
        keep: the number of copied events that stay in the store.
        by_age: whether old events leave it too.
        live_days: age of the oldest events that stay in it, or the session's own retention if shorter; None for any.
        now: ms of the store's clock.
        border: the last event that has left it.
        most: maximum number of events that leave it at once.
    """
    copied = events_of(sid).filter(position__gt=position_before(border))
    places = copied.order_by("-position").values_list("position", flat=True)
    candidates = list(places[keep : keep + 1])
    if by_age:
        own = ArchivedSession.objects.filter(sid=sid).values_list("retention_days", flat=True).first()
        days = min((each for each in (live_days, own) if each is not None), default=None)
        if days is not None:
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


def shortened() -> list[str]:
    """The sessions of which retention has removed events."""
    return list(ArchivedSession.objects.filter(retained_after__gt=0).values_list("sid", flat=True))


def said_since(sid: str, since: str) -> list[tuple[str, str]]:
    """The roles and bodies of the events after an id, for their idempotency keys."""
    recent = events_of(sid).filter(position__gt=position_before(since))
    return list(recent.order_by("position").values_list("participant", "body"))


def of_person(persons: Mapping[str, str]) -> dict[str, list[str]]:
    """The events of a person that are not erased, by session.

    Args:
        persons: the sessions that are searched, by the person's pseudonym in each.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    pseudonyms = list(persons)
    for first in range(0, len(pseudonyms), AT_ONCE):
        events = ArchivedEvent.objects.filter(person__in=pseudonyms[first : first + AT_ONCE])
        rows = events.order_by("position").values_list("session__sid", "person", "position")
        for sid, person, place in rows:
            if persons.get(person) == sid:
                found[sid].append(id_at(place))
    return dict(found)


def names_of(sid: str, person: str) -> set[str]:
    """The names in the events of a person in a session."""
    bodies = events_of(sid).filter(person=person).values_list("body", flat=True).iterator(chunk_size=AT_ONCE)
    return {name for body in bodies if (name := server.name_of(body))}


def replies_to(sid: str, ids: Collection[str]) -> list[str]:
    """The replies to some events of a session that are not removed."""
    wanted = set(ids)
    ends = events_of(sid).filter(event__in=(LLMResponse.event, LLMError.event)).order_by("position")
    bodies = ends.values_list("position", "body").iterator(chunk_size=AT_ONCE)
    return [id_at(place) for place, body in bodies if server.request_of(body) in wanted]


def states(sids: Sequence[str]) -> dict[str, str]:
    """What else the store had of sessions when they last left it."""
    return dict(ArchivedSession.objects.filter(sid__in=sids).exclude(state="").values_list("sid", "state"))


def sids() -> list[str]:
    """All sessions in the archive."""
    return list(ArchivedSession.objects.order_by("pk").values_list("sid", flat=True))


def held(sids: Sequence[str]) -> set[str]:
    """Those of some sessions that are on legal hold."""
    return set(ArchivedSession.objects.filter(sid__in=sids, hold=True).values_list("sid", flat=True))


def numbers(sids: Sequence[str]) -> dict[str, int]:
    """The number of events of each of some sessions; those that the archive does not know are omitted."""
    return dict(ArchivedSession.objects.filter(sid__in=sids).values_list("sid", "events"))


def left_with(setting: str) -> set[str]:
    """Sessions that had a setting, such as `closed`, when they last left the store."""
    candidates = ArchivedSession.objects.exclude(left_at=None).filter(state__contains=f'"{setting}"')
    rows = candidates.values_list("sid", "state").iterator(chunk_size=AT_ONCE)
    return {sid for sid, state in rows if setting in settings_in(state)}


def settings_in(state: str) -> dict[str, str]:
    """The settings in a state, see scripts/parts/state.lua."""
    flat = json.loads(state or "{}").get("settings") or []
    return dict(pairs(flat))


def unerased(sid: str) -> int:
    """The number of events of a session that are not erased."""
    return events_of(sid).filter(erased=False).count()


def forget_state(sid: str) -> None:
    """Delete what a session had in the store when it last left it; it is in the store now."""
    ArchivedSession.objects.filter(sid=sid).update(state="")


def leave(sid: str, state: str) -> None:
    """Record that a session leaves the store."""
    ArchivedSession.objects.filter(sid=sid).update(state=state, left_at=timezone.now())


def _position_at(now: int, days: float) -> int:
    """The first position within the last days."""
    return position_before(f"{max(now - int(days * _DAY_MS), 0)}-0")


def events_of(sid: str) -> models.QuerySet[ArchivedEvent]:
    """The events of a session."""
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
    before = events_of(sid).filter(position__lt=position_before(earliest)).order_by("-position")
    place = before.values_list("position", flat=True).first()
    return None if place is None else id_at(place)
