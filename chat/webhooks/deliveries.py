"""The queued webhooks in the database: what is due, and what came of it. Synchronous functions."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic_core import from_json, to_json

from chat.webhooks import payload, timing
from chat.webhooks.models import WebhookDelivery, WebhookEndpoint
from chat.webhooks.sender import Answer

if TYPE_CHECKING:
    from doqchat.archive.models import ArchivedEvent

State = WebhookDelivery.State

PRUNED_AT_ONCE = 2_000

GONE = 410
"""HTTP status with which a receiver unsubscribes."""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery and what its attempt needs.

    Attributes:
        delivery: the row.
        wait: seconds until its attempt is due; negative if it was earlier.
        body: the body; None if the event is no longer in the archive.
    """

    delivery: WebhookDelivery
    wait: float
    body: bytes | None


def waiting(since: float | None = None) -> dict[int, list[str]]:
    """The sessions with pending deliveries, by endpoint.

    Args:
        since: only those with a delivery that was queued within these seconds; None for all.
    """
    return _sessions(_pending(since))


def retried(since: float) -> dict[int, list[str]]:
    """The sessions with a delivery whose retry was requested within these seconds and has not begun, by endpoint."""
    return _sessions(_pending(since).filter(attempts=0, attempted_at__isnull=False))


def first(endpoint: int, sid: str, count: int) -> list[Due]:
    """The first pending deliveries of a session to an enabled endpoint, in order."""
    pending = WebhookDelivery.objects.filter(endpoint=endpoint, sid=sid, state=State.PENDING)
    found = list(pending.filter(endpoint__enabled=True).select_related("endpoint").order_by("pk")[:count])
    events = _events([each.event for each in found if each.event is not None])
    now = timezone.now()
    return [Due(each, (each.due_at - now).total_seconds(), _body(each, events.get(each.event or 0))) for each in found]


def record(delivery: WebhookDelivery, answer: Answer) -> float | None:
    """Store the outcome of an attempt; returns the seconds until the next one, None if there is none."""
    now = timezone.now()
    fields = {
        "attempts": delivery.attempts + 1,
        "attempted_at": now,
        "status": answer.status,
        "error": answer.error[:200],
    }
    row = WebhookDelivery.objects.filter(pk=delivery.pk)
    if not answer.error:
        row.update(**fields, state=State.DELIVERED, data="")
        return None
    if answer.status == GONE:
        because = _("The endpoint has responded with 410 (Gone).")
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(enabled=False, disabled_because=because)
    elif now - delivery.queued_at < timing.RETRIED_FOR:
        wait = max(timing.backoff(delivery.attempts), min(answer.retry_after or 0, timing.LONGEST_RETRY_SECONDS))
        row.update(**fields, due_at=now + timedelta(seconds=wait))
        return wait
    row.update(**fields, state=State.DEAD)
    return None


def give_up(delivery: WebhookDelivery) -> None:
    """Mark a delivery as dead whose event cannot be read any more."""
    error = _("The event is no longer stored.")
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state=State.DEAD, error=error)


def retry(dead: QuerySet[WebhookDelivery]) -> int:
    """Queue dead deliveries again, before others of their session; returns their number."""
    now = timezone.now()
    return dead.filter(state=State.DEAD).update(state=State.PENDING, queued_at=now, due_at=now, attempts=0)


def prune() -> bool:
    """Delete some of the old deliveries that are not pending; returns whether there may be more."""
    more = False
    for state, kept in ((State.DELIVERED, timing.DELIVERED_KEPT), (State.DEAD, timing.DEAD_KEPT)):
        old = WebhookDelivery.objects.filter(state=state, queued_at__lt=timezone.now() - kept)
        found = list(old.order_by().values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        delete(WebhookDelivery.objects.filter(pk__in=found))
        more = more or len(found) == PRUNED_AT_ONCE
    return more


def delete(rows: QuerySet[WebhookDelivery]) -> int:
    """Delete deliveries without loading them: nothing refers to them."""
    return rows.order_by()._raw_delete(rows.db) or 0


def erase(*, sid: str | None = None, subject: str | None = None, held: Collection[str] = ()) -> int:
    """Delete the deliveries that contain data of a session or of a person; returns their number.

    Others refer to events, whose text is erased in the archive. Those of the sessions in `held` stay.
    """
    containing = WebhookDelivery.objects.exclude(data="").exclude(sid__in=held)
    if sid is not None:
        containing = containing.filter(sid=sid)
    if subject is not None:
        field = to_json({"sub": subject}).decode().strip("{}")
        rows = containing.filter(data__contains=field).values_list("pk", "data")  # SQLite ignores case
        containing = WebhookDelivery.objects.filter(pk__in=[pk for pk, data in rows if field in data])
    return delete(containing)


def _pending(since: float | None) -> QuerySet[WebhookDelivery]:
    pending = WebhookDelivery.objects.filter(state=State.PENDING)
    return pending if since is None else pending.filter(queued_at__gt=timezone.now() - timedelta(seconds=since))


def _sessions(pending: QuerySet[WebhookDelivery]) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for endpoint, sid in pending.order_by().values_list("endpoint_id", "sid").distinct():
        found[endpoint].append(sid)
    return found


def _events(keys: list[int]) -> "dict[int, ArchivedEvent]":
    if not keys:
        return {}
    from doqchat.archive.models import ArchivedEvent  # it requires an installed app

    return ArchivedEvent.objects.in_bulk(keys)


def _body(delivery: WebhookDelivery, event: "ArchivedEvent | None") -> bytes | None:
    try:
        if event is not None:
            return payload.body(delivery.type, *payload.of_event(delivery.sid, event))
        if delivery.happened_at is not None:
            return payload.body(delivery.type, delivery.happened_at, from_json(delivery.data))
    except (ValueError, KeyError, TypeError):  # another program has changed the row
        pass
    return None
