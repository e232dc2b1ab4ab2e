"""Brings the database's list of sessions up to date with the store's."""

from datetime import UTC, datetime

from asgiref.sync import async_to_sync
from django.db.models import Max

from chat.models import ChatSession
from doqchat import overview
from doqchat.engine import engine

OVERLAP_SECONDS = 60.0
"""How far to look back behind the newest row: processes note activity a little late, by clocks of their own."""

_CHUNK = 500


def bring_up_to_date() -> None:
    """Add a row for every session that is new to the database, and note the last activity of the others.

    Raises Unavailable, and then the list is as it was.
    """
    past = ChatSession.objects.filter(last_activity__lte=datetime.now(UTC))
    newest = past.aggregate(newest=Max("last_activity"))["newest"]
    rows = async_to_sync(_active_since)(newest.timestamp() - OVERLAP_SECONDS if newest else 0.0)
    ChatSession.objects.bulk_create(
        rows, batch_size=_CHUNK, update_conflicts=True, unique_fields=["sid"], update_fields=["last_activity"]
    )


async def _active_since(moment: float) -> list[ChatSession]:
    active = await engine().registry.active_since(moment)
    sids = list(active)
    rows = []
    for start in range(0, len(sids), _CHUNK):
        began = await overview.began(engine(), sids[start : start + _CHUNK])
        for sid, first in began.items():
            last = _past(active[sid])
            rows.append(ChatSession(sid=sid, created_at=first or last, last_activity=last))
    return rows


def _past(seconds: float) -> datetime:
    """The moment, or now for one that is further ahead than clocks are: it would be the newest until it comes."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(seconds, UTC) if seconds < now.timestamp() + OVERLAP_SECONDS else now
