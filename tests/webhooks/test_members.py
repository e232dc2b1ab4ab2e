"""Members who join and leave are noted in the store, and queued from there."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from chat.webhooks import members
from chat.webhooks.models import EventType, WebhookDelivery
from doqchat.access.principal import Principal
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.engine import Engine
from doqchat.fanout.member import Member
from doqchat.store import keys
from tests import processes
from tests.webhooks.conftest import endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def own_engine(own_store: processes.Store) -> AsyncIterator[Engine]:
    with override_settings(
        DOQCHAT={**settings.DOQCHAT, "STORE_URLS": [own_store.url], "ARCHIVE": {}},
        CHANNEL_LAYERS=settings.CHANNEL_LAYERS,
    ):
        engine = Engine()
        yield engine
        await engine.close()


async def write(text: str) -> None:
    raise NotImplementedError


def minji() -> Member:
    who = Principal("room", "A", frozenset(), "Minji", subject="u-1", address="192.0.2.1")
    return Member(write, principal=who, profile="basic", on_drop=lambda code: None)


async def queued(engine: Engine) -> list[WebhookDelivery]:
    """What is queued once everything that is noted was collected."""
    database = DatabaseThreads(1)
    await members.collect(next(iter(engine.shards)), database)
    await database.close()
    return [each async for each in WebhookDelivery.objects.order_by("pk")]


async def test_a_member_is_described_in_the_order_of_what_happened(
    own_engine: Engine, own_client: "redis.Redis"
) -> None:
    await endpoint("https://example.org/", created_at=timezone.now() - timedelta(minutes=1))
    await endpoint("https://example.org/later", created_at=timezone.now() + timedelta(minutes=1))
    await endpoint("https://example.org/other", "message.created")
    member = minji()
    members.note_joined(own_engine, member)
    members.note_left(own_engine, member)
    joined, left = await queued(own_engine)
    assert (joined.type, left.type) == (EventType.MEMBER_JOINED, EventType.MEMBER_LEFT)
    assert json.loads(joined.data) == json.loads(left.data) == {
        "sid": "room", "connection": member.connection, "role": "A", "name": "Minji", "sub": "u-1"
    }  # fmt: skip
    assert own_client.xlen(keys.MEMBERS) == 0


async def test_what_a_worker_has_queued_before_it_died_is_not_queued_twice(
    own_engine: Engine, own_client: "redis.Redis"
) -> None:
    await endpoint("https://example.org/", created_at=timezone.now() - timedelta(minutes=1))
    members.note_joined(own_engine, minji())
    (before,) = await queued(own_engine)
    noted = before.message_id.removeprefix("msg_member_").replace("_", "-")
    own_client.xtrim(keys.MEMBERS, maxlen=0)
    own_client.delete(keys.MEMBERS)
    own_client.xadd(keys.MEMBERS, {"type": before.type, "data": before.data}, id=noted)
    assert len(await queued(own_engine)) == 1


async def test_an_erasure_deletes_what_is_noted_of_a_person(own_engine: Engine, own_client: "redis.Redis") -> None:
    members.note_joined(own_engine, minji())
    shard = next(iter(own_engine.shards))
    await members.erase(shard, subject="another")
    await members.erase(shard, subject="u-1", held=[minji().principal.sid])
    assert own_client.xlen(keys.MEMBERS) == 1
    await members.erase(shard, subject="u-1")
    assert own_client.xlen(keys.MEMBERS) == 0
