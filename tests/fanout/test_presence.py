"""Members learn of presence changes even if notifications are lost."""

import time

import pytest
import redis

from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.store import keys
from tests.fanout.conftest import Join, pubsub_connections
from tests.fanout.socket import Socket


def join_silently(store: "redis.Redis", sid: str, connection: str) -> None:
    """Add a connection without publishing it, as if the notification were lost."""
    store.zadd(keys.presence(sid), {connection: time.time() + 3600})


async def until_presence(socket: Socket, members: dict[str, int]) -> None:
    """Wait until the member receives exactly this presence."""
    while (await socket.frame())["bd"]["members"] != members:
        pass


async def test_presence_changes_with_lost_notifications_are_sent_with_the_beat(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    monkeypatch.setattr(hub, "BEAT_SECONDS", 0.05)
    socket = await join(sid, v1=True)
    await until_presence(socket, {"A": 1})
    join_silently(store, sid, "B:1")
    await until_presence(socket, {"A": 1, "B": 1})
    store.zrem(keys.presence(sid), "B:1")
    await until_presence(socket, {"A": 1})


async def test_presence_is_sent_at_once_after_the_subscription_is_restored(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    others = pubsub_connections(store)
    socket = await join(sid, v1=True)
    (own,) = pubsub_connections(store) - others
    join_silently(store, sid, "B:1")
    store.client_kill_filter(_id=own)
    await until_presence(socket, {"A": 1, "B": 1})
