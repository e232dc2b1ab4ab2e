"""Members who join and leave are queued in batches."""

import json
import logging

import pytest

from chat.webhooks import members
from chat.webhooks.members import MemberWebhooks
from chat.webhooks.models import EventType, WebhookDelivery
from doqchat.access.principal import Principal
from doqchat.fanout.member import Member
from tests.webhooks.conftest import endpoint

pytestmark = pytest.mark.django_db(transaction=True)


async def write(text: str) -> None:
    raise NotImplementedError


def minji() -> Member:
    who = Principal("room", "A", frozenset(), "Minji", subject="u-1", address="192.0.2.1")
    return Member(write, principal=who, profile="basic", on_drop=lambda code: None)


async def test_a_member_is_described_in_the_order_of_what_happened() -> None:
    await endpoint("https://example.org/")
    batch, member = MemberWebhooks(), minji()
    batch.joined(member)
    batch.left(member)
    await batch.close()
    joined, left = [each async for each in WebhookDelivery.objects.order_by("pk")]
    assert (joined.type, left.type) == (EventType.MEMBER_JOINED, EventType.MEMBER_LEFT)
    assert json.loads(joined.data) == json.loads(left.data) == {
        "sid": "room", "connection": member.connection, "role": "A", "name": "Minji", "sub": "u-1"
    }  # fmt: skip


async def test_without_an_endpoint_nothing_is_queued() -> None:
    await endpoint("https://example.org/", "message.created")
    batch = MemberWebhooks()
    batch.joined(minji())
    await batch.close()
    assert not await WebhookDelivery.objects.aexists()


async def test_a_flood_is_limited_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(members, "MOST_IN_BATCH", 2)
    await endpoint("https://example.org/")
    batch = MemberWebhooks()
    for _ in range(5):
        batch.joined(minji())
    with caplog.at_level(logging.WARNING):
        await batch.close()
    assert await WebhookDelivery.objects.acount() == 2
    assert "3 webhooks of members were not queued" in caplog.text
