"""The outbox: queues the webhooks of events in the transaction that archives them."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.dispatch import Signal

from chat.webhooks.models import WebhookDelivery, WebhookEndpoint
from chat.webhooks.payload import time_stored, type_of
from doqchat.signals import events_archived

if TYPE_CHECKING:
    from doqchat.archive.models import ArchivedEvent  # its models require an installed app

queued = Signal()
"""Deliveries were queued and committed, in this process, in any thread. `sessions`: pairs of endpoint and session."""

AT_ONCE = 500


def connect() -> None:
    """Queue the events that are archived."""
    events_archived.connect(_on_archived, dispatch_uid="doqchat.webhooks")


def enabled_endpoints() -> list[WebhookEndpoint]:
    """The endpoints that get webhooks."""
    return list(WebhookEndpoint.objects.filter(enabled=True))


def queue(deliveries: Iterable[WebhookDelivery]) -> None:
    """Store deliveries, and report it when the transaction is committed."""
    if stored := WebhookDelivery.objects.bulk_create(deliveries, batch_size=AT_ONCE):
        sessions = {(each.endpoint_id, each.sid) for each in stored}
        transaction.on_commit(partial(queued.send, None, sessions=sessions), robust=True)


def _on_archived(added: list["ArchivedEvent"], imported: bool, **kwargs: Any) -> None:
    """Queue the events that are newer than an endpoint, in the order of their sessions; imported ones are not news."""
    endpoints = enabled_endpoints() if added and not imported else []
    queue(
        WebhookDelivery(
            endpoint=endpoint, message_id=f"msg_{event.id}", type=kind, sid=event.session.sid, event=event.id
        )
        for endpoint in endpoints
        for event in added
        if (kind := type_of(event)) in endpoint.types.split() and time_stored(event) >= endpoint.created_at
    )
