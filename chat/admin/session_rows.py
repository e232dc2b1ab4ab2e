"""The rows of the admin's list of sessions, synchronised with the store and the archive, which have the events."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from asgiref.sync import async_to_sync
from django.db.models import Max, OuterRef, QuerySet, Subquery

from chat.models import ChatSession
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.records import settings_in
from doqchat.engine import engine
from doqchat.overview import beginnings
from doqchat.protocol.ids import id_at, time_of
from doqchat.protocol.names import LONGEST_TITLE

OVERLAP_SECONDS = 60.0
"""Overlap with the newest row in seconds: processes record activity with a delay and by different clocks."""

_CHUNK = 500
T = TypeVar("T")


def synchronise() -> None:
    """Add a row for each new session in the store or the archive, and update those with newer activity.

    Raises Unavailable; the list is then unchanged.
    """
    past = ChatSession.objects.filter(last_activity__lte=datetime.now(UTC))
    newest = past.aggregate(newest=Max("last_activity"))["newest"]
    since = newest - timedelta(seconds=OVERLAP_SECONDS) if newest else None
    rows = {row.sid: row for row in async_to_sync(_active_since)(since.timestamp() if since else 0.0)}
    _correct_beginnings(rows)
    rows |= {row.sid: row for row in _left_since(since) if row.sid not in rows}
    ChatSession.objects.bulk_create(
        rows.values(),
        batch_size=_CHUNK,
        update_conflicts=True,
        unique_fields=["sid"],
        update_fields=["last_activity", "title"],
    )


async def _active_since(moment: float) -> list[ChatSession]:
    active = await engine().session_index.active_since(moment)
    rows = []
    for sids in _chunks(list(active)):
        for sid, (first, title) in (await beginnings(engine(), sids)).items():
            last = _past(active[sid])
            rows.append(ChatSession(sid=sid, title=_title(title), created_at=first or last, last_activity=last))
    return rows


def _correct_beginnings(rows: dict[str, ChatSession]) -> None:
    """Set when new sessions began: their first events may be only in the archive."""
    listed = {sid for sids in _chunks(list(rows)) for sid in _listed(sids)}
    for sids in _chunks([sid for sid in rows if sid not in listed]):
        for session in _with_first(ArchivedSession.objects.filter(sid__in=sids)):
            rows[session.sid].created_at = min(rows[session.sid].created_at, _began(session))


def _left_since(moment: datetime | None) -> Iterator[ChatSession]:
    """Rows of the sessions that have left the store since then."""
    left = ArchivedSession.objects.exclude(left_at=None)
    if moment is not None:
        left = left.filter(left_at__gte=moment)
    for sessions in _chunks(list(_with_first(left))):
        listed = _listed([session.sid for session in sessions])
        for session in sessions:
            last = time_of(id_at(session.copied))
            yield ChatSession(
                sid=session.sid,
                title=_title(settings_in(session.state).get("title", "")),
                created_at=_began(session),
                last_activity=max(last, listed.get(session.sid, last)),
            )


def _with_first(sessions: QuerySet[ArchivedSession]) -> QuerySet[ArchivedSession]:
    events = ArchivedEvent.objects.filter(session=OuterRef("pk")).order_by("position")
    return sessions.annotate(first=Subquery(events.values("position")[:1]))


def _began(session: ArchivedSession) -> datetime:
    """When the first event was stored; retention may have deleted it, then when it was archived."""
    first: int | None = session.first  # type: ignore[attr-defined]  # annotated
    return session.created_at if first is None else min(session.created_at, time_of(id_at(first)))


def _listed(sids: Sequence[str]) -> dict[str, datetime]:
    return dict(ChatSession.objects.filter(sid__in=sids).values_list("sid", "last_activity"))


def _title(text: str) -> str:
    """A title of the right length without NUL: other programs can write to the store."""
    return text.replace("\0", "")[:LONGEST_TITLE]


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def _past(seconds: float) -> datetime:
    """The moment, or now if it is in the future by more than clock skew: it would stay the newest row until then."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(seconds, UTC) if seconds < now.timestamp() + OVERLAP_SECONDS else now
