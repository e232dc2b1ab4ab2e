"""Presence: the connections in a session."""

import time

import redis

from doqchat.fanout.layer import SessionChannelLayer
from doqchat.protocol.events import Person
from doqchat.protocol.names import MOST_PEOPLE
from doqchat.store import keys
from doqchat.store.presence import LASTS_SECONDS, Presence, entry, present
from doqchat.store.shards import Shards
from doqchat.store.snapshot import Snapshots
from doqchat.store.stream import SessionStream
from tests.store.conftest import Published


async def test_connections_are_counted_by_role(presence: Presence, sid: str) -> None:
    assert (await presence.add(sid, ["A:1"])).members == {"A": 1}
    assert (await presence.add(sid, ["B:2", "B:3"])).members == {"A": 1, "B": 2}
    assert (await presence.add(sid, ["A:1"])).members == {"A": 1, "B": 2}
    assert (await presence.remove(sid, ["B:2"])).members == {"A": 1, "B": 1}
    assert await presence.members(sid) == {"A": 1, "B": 1}


async def test_any_number_of_connections_of_one_process_is_counted(presence: Presence, sid: str) -> None:
    everybody = [f"{role}:{number}" for role in ("A", "B") for number in range(5_000)]
    assert (await presence.add(sid, everybody)).members == {"A": 5_000, "B": 5_000}
    assert (await presence.add(sid, everybody)).members == {"A": 5_000, "B": 5_000}
    assert (await presence.remove(sid, everybody[1:])).members == {"A": 1}


async def test_connections_of_one_person_are_counted_together(presence: Presence, sid: str) -> None:
    connections = [
        entry("A:1", "5f", "Ada"),
        entry("A:2", "5f", "Ada"),
        entry("A:3", "3a", "Ada"),
        entry("A:4", None, "민지: B:"),
        entry("A:5", None, "민지: B:"),
        entry("B:6", None, "민지: B:"),
        entry("B:7", None, None),
        "B:8",
    ]
    assert (await presence.add(sid, connections)).people == [
        Person(role="A", name="Ada", person="3a", connections=1),
        Person(role="A", name="Ada", person="5f", connections=2),
        Person(role="A", name="민지: B:", connections=2),
        Person(role="B", name=None, connections=2),
        Person(role="B", name="민지: B:", connections=1),
    ]


async def test_the_first_people_are_listed_and_all_are_counted(presence: Presence, sid: str) -> None:
    crowd = [entry(f"user:{number}", None, f"{number:03}") for number in range(MOST_PEOPLE + 10)]
    for batch in (crowd, crowd[::-1]):
        found = await presence.add(sid, batch)
        assert found.members == {"user": MOST_PEOPLE + 10}
        assert [person.name for person in found.people] == [f"{number:03}" for number in range(MOST_PEOPLE)]


async def test_removing_a_connection_twice_removes_it_once(presence: Presence, sid: str) -> None:
    await presence.add(sid, ["A:1", "A:2"])
    for _ in range(2):
        assert (await presence.remove(sid, ["A:1"])).members == {"A": 1}


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
    found = [present(message["members"] or (), message["persons"] or ()) for message in messages]
    assert [message["type"] for message in messages] == ["session.presence"] * 2
    assert [(each.members, len(each.people)) for each in found] == [({"A": 1}, 1), ({}, 0)]


async def test_presence_is_not_written_to_disk(own_shards: Shards, own_client: "redis.Redis", sid: str) -> None:
    presence, stream = Presence(own_shards), SessionStream(own_shards)

    def written() -> int:
        return int(own_client.info("persistence")["aof_current_size"])

    nothing = written()
    await presence.add(sid, ["A:1", "B:2"])
    await Snapshots(own_shards).take(sid, "B:3")
    assert (await presence.remove(sid, ["B:2"])).members == {"A": 1, "B": 1}
    assert written() == nothing
    await stream.append(sid, "A", "{}")
    assert written() > nothing
