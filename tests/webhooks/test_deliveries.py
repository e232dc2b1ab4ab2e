"""The outbox and the queue in the database: what is queued with the archive, what is due, and what becomes of it."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from chat.webhooks import deliveries, timing
from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from chat.webhooks.sender import Answer
from doqchat.archive import writing
from doqchat.archive.models import ArchivedEvent
from doqchat.archive.writing import Batch
from doqchat.protocol import server
from doqchat.protocol.events import ChatMessage, SessionNotice

pytestmark = pytest.mark.django_db

State = WebhookDelivery.State
REFUSED = Answer(500, "HTTP 500")


@pytest.fixture
def target() -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url="https://example.org/", types=" ".join(EventType))


def archive(*texts: str, sid: str = "room", **hd: Any) -> list[str]:
    """Archive messages of a session; returns their ids."""
    first = int(timezone.now().timestamp() * 1000) + 1
    ids = [f"{first}-{number}" for number in range(len(texts))]
    bodies = [server.stored(sid, ChatMessage(text=text), "A") for text in texts]
    writing.write([Batch(sid, [(each, "A", body) for each, body in zip(ids, bodies, strict=True)], 0)])
    return ids


def due(target: WebhookEndpoint, sid: str = "room") -> list[deliveries.Due]:
    return deliveries.first(target.pk, sid, 10)


def texts(found: list[deliveries.Due]) -> list[str | None]:
    return [json.loads(each.body)["data"]["bd"]["text"] if each.body else None for each in found]


def queued_ago(**ago: float) -> None:
    WebhookDelivery.objects.update(queued_at=timezone.now() - timedelta(**ago))


def test_events_are_queued_in_order_when_they_are_archived(target: WebhookEndpoint) -> None:
    archive("a", "b", "c")
    assert texts(due(target)) == ["a", "b", "c"]
    assert deliveries.waiting() == {target.pk: ["room"]}


def test_events_are_queued_if_and_only_if_they_are_archived(target: WebhookEndpoint) -> None:
    with suppress(RuntimeError), transaction.atomic():
        archive("a")
        raise RuntimeError
    assert not WebhookDelivery.objects.exists()
    assert not ArchivedEvent.objects.exists()


def test_events_that_are_archived_again_are_queued_once(target: WebhookEndpoint) -> None:
    batch = Batch("room", [("4000000000000-0", "A", server.stored("room", ChatMessage(text="a"), "A"))], 0)
    writing.write([batch])
    writing.write([batch])
    assert WebhookDelivery.objects.count() == 1


def test_other_events_are_not_queued(target: WebhookEndpoint) -> None:
    muted = server.stored("room", SessionNotice(code="muted", text="", role="A"))
    writing.write([Batch("room", [("4000000000000-0", "llm", muted), ("4000000000000-1", "", "not JSON")], 0)])
    assert not WebhookDelivery.objects.exists()


def test_a_disabled_endpoint_gets_nothing(target: WebhookEndpoint) -> None:
    archive("before")
    WebhookEndpoint.objects.update(enabled=False)
    archive("a")
    assert due(target) == []
    assert WebhookDelivery.objects.count() == 1


def test_what_is_removed_before_it_is_sent_is_sent_without_its_text(target: WebhookEndpoint) -> None:
    (message,) = archive("secret")
    writing.replace_body("room", message, str(server.placeholder(ArchivedEvent.objects.get().body)))
    (found,) = due(target)
    sent = json.loads(found.body or b"")["data"]
    assert (sent["hd"]["removed"], sent["bd"]["text"]) == (True, "")


def test_what_is_no_longer_stored_is_dead_and_the_next_one_is_due(target: WebhookEndpoint) -> None:
    archive("a", "b")
    ArchivedEvent.objects.order_by("id")[0].delete()
    gone, _ = due(target)
    assert gone.body is None
    deliveries.give_up(gone.delivery)
    assert texts(due(target)) == ["b"]


def test_a_failed_delivery_waits_longer_after_each_attempt(target: WebhookEndpoint) -> None:
    archive("a")
    for wait in (5, 15, 45, 135):
        got = deliveries.record(due(target)[0].delivery, REFUSED)
        assert got == pytest.approx(wait, rel=timing.JITTER)
        assert due(target)[0].wait == pytest.approx(wait, rel=2 * timing.JITTER)


def test_the_wait_is_as_long_as_the_endpoint_asks_for_within_the_limit(target: WebhookEndpoint) -> None:
    archive("a")
    assert deliveries.record(due(target)[0].delivery, Answer(429, "HTTP 429", 600)) == 600
    longest = deliveries.record(due(target)[0].delivery, Answer(429, "HTTP 429", 10**9))
    assert longest == timing.LONGEST_RETRY_SECONDS


def test_a_delivery_that_fails_after_a_day_is_dead_and_the_next_one_is_due(target: WebhookEndpoint) -> None:
    archive("a", "b")
    queued_ago(hours=25)
    assert deliveries.record(due(target)[0].delivery, REFUSED) is None
    assert texts(due(target)) == ["b"]
    dead = WebhookDelivery.objects.get(state=State.DEAD)
    assert (dead.attempts, dead.status, dead.error) == (1, 500, "HTTP 500")


def test_a_delivery_that_succeeds_after_a_day_is_delivered(target: WebhookEndpoint) -> None:
    archive("a")
    queued_ago(hours=25)
    assert deliveries.record(due(target)[0].delivery, Answer(200)) is None
    assert WebhookDelivery.objects.get().state == State.DELIVERED


def test_a_dead_delivery_is_retried_before_the_others_of_its_session(target: WebhookEndpoint) -> None:
    archive("a", "b")
    queued_ago(hours=25)
    deliveries.record(due(target)[0].delivery, REFUSED)
    assert deliveries.retry(WebhookDelivery.objects.all()) == 1
    assert texts(due(target)) == ["a", "b"]
    assert deliveries.record(due(target)[0].delivery, REFUSED) is not None, "it has another day"


def test_old_deliveries_are_deleted_unless_they_are_pending(target: WebhookEndpoint) -> None:
    archive("delivered", "dead", "pending")
    delivered, dead, pending = (each.delivery for each in due(target))
    WebhookDelivery.objects.filter(pk=delivered.pk).update(state=State.DELIVERED)
    WebhookDelivery.objects.filter(pk=dead.pk).update(state=State.DEAD)
    queued_ago(days=4)
    deliveries.prune()
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {dead.pk, pending.pk}
    queued_ago(days=31)
    deliveries.prune()
    assert WebhookDelivery.objects.get().pk == pending.pk


def test_data_of_a_person_or_a_session_is_erased(target: WebhookEndpoint) -> None:
    for sid, sub in (("one", "u-1"), ("one", "u-10"), ("two", "U-1"), ("two", 'u-"2')):
        data = json.dumps({"sid": sid, "sub": sub}, separators=(",", ":"))
        WebhookDelivery.objects.create(
            endpoint=target, message_id="m", type=EventType.MEMBER_LEFT, sid=sid, data=data, happened_at=timezone.now()
        )
    archive("stays", sid="one")
    assert deliveries.erase(subject='u-"2') == 1
    assert deliveries.erase(subject="u-1", held=["one"]) == 0
    assert deliveries.erase(subject="u-1", held=["two"]) == 1
    assert deliveries.erase(subject="u-1") == 0, "another person has a similar name"
    assert deliveries.erase(subject="U-1") == 1
    assert deliveries.erase(sid="one") == 1
    assert WebhookDelivery.objects.get().event is not None
