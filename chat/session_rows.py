"""Synchronises the database's list of sessions with the store."""

from datetime import UTC, datetime

from asgiref.sync import async_to_sync
from django.db.models import Max

from chat.models import ChatSession
from doqchat import overview
from doqchat.engine import engine

OVERLAP_SECONDS = 60.0
"""Overlap with the newest row in seconds: processes record activity with a delay and by different clocks."""

_CHUNK = 500


def bring_up_to_date() -> None:
    """Add a row for each new session, and update the last activity of the others.

    Raises Unavailable; the list is then unchanged.
    """
    past = ChatSession.objects.filter(last_activity__lte=datetime.now(UTC))
    newest = past.aggregate(newest=Max("last_activity"))["newest"]
    rows = async_to_sync(_active_since)(newest.timestamp() - OVERLAP_SECONDS if newest else 0.0)
    ChatSession.objects.bulk_create(
        rows, batch_size=_CHUNK, update_conflicts=True, unique_fields=["sid"], update_fields=["last_activity"]
    )


async def _active_since(moment: float) -> list[ChatSession]:
    active = await engine().session_index.active_since(moment)
    sids = list(active)
    rows = []
    for start in range(0, len(sids), _CHUNK):
        began = await overview.began(engine(), sids[start : start + _CHUNK])
        for sid, first in began.items():
            last = _past(active[sid])
            rows.append(ChatSession(sid=sid, created_at=first or last, last_activity=last))
    return rows


def _past(seconds: float) -> datetime:
    """The moment, or now if it is in the future by more than clock skew: it would stay the newest row until then."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(seconds, UTC) if seconds < now.timestamp() + OVERLAP_SECONDS else now
