"""Sessions in the database, for the admin, and their synchronisation with the store, which has their events."""

from datetime import UTC, datetime

from asgiref.sync import async_to_sync
from django.db import models
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from doqchat.engine import engine
from doqchat.overview import Overview, began

OVERLAP_SECONDS = 60.0
"""Overlap with the newest row in seconds: processes record activity with a delay and by different clocks."""

_CHUNK = 500


class ChatSession(models.Model):
    """A session in the admin's list."""

    sid = models.CharField(_("session name"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("began"))
    last_activity = models.DateTimeField(_("last activity"), db_index=True)

    # not columns: the admin reads these from the store for the rows on the page
    now: Overview | None = None
    unreadable = False

    class Meta:
        verbose_name = _("chat session")
        verbose_name_plural = _("chat sessions")
        ordering = ["-last_activity"]

    def __str__(self) -> str:
        return self.sid


def synchronise() -> None:
    """Add a row for each new session in the store, and update the last activity of the others.

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
        first_events = await began(engine(), sids[start : start + _CHUNK])
        for sid, first in first_events.items():
            last = _past(active[sid])
            rows.append(ChatSession(sid=sid, created_at=first or last, last_activity=last))
    return rows


def _past(seconds: float) -> datetime:
    """The moment, or now if it is in the future by more than clock skew: it would stay the newest row until then."""
    now = datetime.now(UTC)
    return datetime.fromtimestamp(seconds, UTC) if seconds < now.timestamp() + OVERLAP_SECONDS else now
