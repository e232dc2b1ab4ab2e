"""Presence: the connections in a session."""

import time

import redis

from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store import keys
from doqchat.store.presence import LASTS_SECONDS, Presence, counts
from doqchat.store.shards import Shards
from doqchat.store.snapshot import Snapshots
from doqchat.store.stream import SessionStream
from tests.store.conftest import Published


async def test_connections_are_counted_by_role(presence: Presence, sid: str) -> None:
    assert await presence.add(sid, ["A:1"]) == {"A": 1}
    assert await presence.add(sid, ["B:2", "B:3"]) == {"A": 1, "B": 2}
    assert await presence.add(sid, ["A:1"]) == {"A": 1, "B": 2}
    assert await presence.remove(sid, ["B:2"]) == {"A": 1, "B": 1}
    assert await presence.members(sid) == {"A": 1, "B": 1}


async def test_any_number_of_connections_of_one_process_is_counted(presence: Presence, sid: str) -> None:
    everybody = [f"{role}:{number}" for role in ("A", "B") for number in range(5_000)]
    assert await presence.add(sid, everybody) == {"A": 5_000, "B": 5_000}
    assert await presence.add(sid, everybody) == {"A": 5_000, "B": 5_000}
    assert await presence.remove(sid, everybody[1:]) == {"A": 1}


async def test_removing_a_connection_twice_removes_it_once(presence: Presence, sid: str) -> None:
    await presence.add(sid, ["A:1", "A:2"])
    for _ in range(2):
        assert await presence.remove(sid, ["A:1"]) == {"A": 1}


async def test_a_connection_that_is_not_renewed_expires(presence: Presence, store: "redis.Redis", sid: str) -> None:
    await presence.add(sid, ["A:1", "B:2"])
    expired = {"A:1": time.time() - 0.001}  # as if it was renewed LASTS_SECONDS ago
    store.zadd(keys.presence(sid), expired)
    assert await presence.members(sid) == {"B": 1}
    assert store.zrange(keys.presence(sid), 0, -1) == ["B:2"]


async def test_the_presence_of_a_session_expires(presence: Presence, store: "redis.Redis", sid: str) -> None:
    await presence.add(sid, ["A:1"])
    assert LASTS_SECONDS <= store.ttl(keys.presence(sid)) <= 2 * LASTS_SECONDS


async def test_changes_are_published_and_renewals_are_not(
    presence: Presence, layer: SessionChannelLayer, published: Published, sid: str
) -> None:
    await presence.add(sid, ["A:1"])
    await presence.add(sid, ["A:1"])
    await presence.members(sid)
    await presence.remove(sid, ["B:5"])
    await presence.remove(sid, ["A:1"])
    messages = [layer.deserialize(published()) for _ in range(2)]
    assert [(message["type"], counts(message["members"] or ())) for message in messages] == [
        ("session.presence", {"A": 1}),
        ("session.presence", {}),
    ]


async def test_presence_is_not_written_to_disk(own_shards: Shards, own_client: "redis.Redis", sid: str) -> None:
    presence, stream = Presence(own_shards), SessionStream(own_shards)

    def written() -> int:
        return int(own_client.info("persistence")["aof_current_size"])

    nothing = written()
    await presence.add(sid, ["A:1", "B:2"])
    await Snapshots(own_shards).take(sid, "B:3")
    assert await presence.remove(sid, ["B:2"]) == {"A": 1, "B": 1}
    assert written() == nothing
    await stream.append(sid, "A", "{}")
    assert written() > nothing
