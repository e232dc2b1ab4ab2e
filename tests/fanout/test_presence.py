"""Members know who is here, though what was told of it is lost."""

import time

import pytest
import redis

from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.store import keys
from tests.fanout.conftest import Join, pubsub_connections
from tests.fanout.socket import Socket


def come_silently(store: "redis.Redis", sid: str, connection: str) -> None:
    """Somebody is there, and nobody hears of it: as if what was published were lost."""
    store.zadd(keys.presence(sid), {connection: time.time() + 3600})


async def tell_of(socket: Socket, members: dict[str, int]) -> None:
    """Returns when the member has heard that exactly these are here."""
    while (await socket.frame())["bd"]["members"] != members:
        pass


async def test_who_came_or_went_while_nobody_was_told_is_told_with_the_beat(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    monkeypatch.setattr(hub, "BEAT_SECONDS", 0.05)
    socket = await join(sid, v1=True)
    await tell_of(socket, {"A": 1})
    come_silently(store, sid, "B:1")
    await tell_of(socket, {"A": 1, "B": 1})
    store.zrem(keys.presence(sid), "B:1")
    await tell_of(socket, {"A": 1})


async def test_after_a_break_of_the_subscription_members_learn_at_once_who_is_here(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    others = pubsub_connections(store)
    socket = await join(sid, v1=True)
    (own,) = pubsub_connections(store) - others
    come_silently(store, sid, "B:1")
    store.client_kill_filter(_id=own)
    await tell_of(socket, {"A": 1, "B": 1})
