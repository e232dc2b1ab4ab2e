"""Notes of connections that join and leave, also of processes that are killed."""

from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import redis

from doqchat.store import keys, member_notes
from doqchat.store.clients import pairs
from doqchat.store.member_notes import JOINED, LEFT, MemberNotes
from doqchat.store.shards import Shard, Shards
from tests import processes

Note = tuple[str, str, bool]


@pytest.fixture
def shard(own_shards: Shards) -> Shard:
    return next(iter(own_shards))


@pytest.fixture
async def notes(shard: Shard, own_client: "redis.Redis") -> AsyncIterator[MemberNotes]:
    """The notes of one process; its script is loaded, so that no note is repeated after the call that follows it."""
    own_client.script_load(member_notes._NOTE.text)
    notes = MemberNotes(shard)
    yield notes
    await notes.close()


async def noted(shard: Shard) -> list[Note]:
    """The type and data of each note, and whether its connection was lost."""
    found = [dict(pairs(flat)) for _, flat in await member_notes.first(shard)]
    return [(fields["type"], fields["data"], "lost" in fields) for fields in found]


def pass_time(client: "redis.Redis", seconds: float = member_notes.GONE_SECONDS) -> None:
    """No process has renewed its list for that long."""
    for process, renewed in client.zrange(keys.MEMBERS_PROCESSES, 0, -1, withscores=True):
        client.zadd(keys.MEMBERS_PROCESSES, {process: renewed - seconds * 1000})


async def test_the_connections_of_a_process_that_was_killed_have_left(
    shard: Shard, notes: MemberNotes, own_client: "redis.Redis"
) -> None:
    for number in range(3):
        notes.joined(f"A:{number}", str(number))
    notes.left("A:1")
    await member_notes.note_lost(shard)
    assert [kind for kind, _, _ in await noted(shard)] == [JOINED] * 3 + [LEFT]
    pass_time(own_client)
    await member_notes.note_lost(shard)
    assert sorted((await noted(shard))[4:]) == [(LEFT, "0", True), (LEFT, "2", True)]
    await member_notes.note_lost(shard)
    assert len(await noted(shard)) == 6
    assert list(own_client.scan_iter()) == [keys.MEMBERS]


async def test_any_number_of_connections_is_noted_as_lost(
    shard: Shard, notes: MemberNotes, own_client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_notes, "AT_ONCE", 1_000)
    for number in range(900):
        notes.joined(f"A:{number}", f"{number} {'x' * 100}")
    await noted(shard)
    own_client.delete(keys.MEMBERS)
    pass_time(own_client)
    monkeypatch.setattr(member_notes, "AT_ONCE", 50)
    await member_notes.note_lost(shard)
    monkeypatch.setattr(member_notes, "AT_ONCE", 1_000)
    assert len(set(await noted(shard))) == 900


async def test_a_process_that_renews_its_list_keeps_its_connections(
    shard: Shard, notes: MemberNotes, own_client: "redis.Redis"
) -> None:
    notes.joined("A:1", "1")
    await noted(shard)
    pass_time(own_client)
    await notes._renew()
    await member_notes.note_lost(shard)
    assert await noted(shard) == [(JOINED, "1", False)]


async def test_a_process_that_was_suspended_notes_its_connections_once_more(
    shard: Shard, notes: MemberNotes, own_client: "redis.Redis"
) -> None:
    notes.joined("A:1", "1")
    notes.joined("A:2", "2")
    await noted(shard)
    pass_time(own_client)
    await member_notes.note_lost(shard)
    notes.left("A:2")
    assert len(await noted(shard)) == 4, "a connection that was lost does not leave again"
    await notes._renew()
    assert (await noted(shard))[4:] == [(JOINED, "1", False)]
    notes.left("A:1")
    assert (await noted(shard))[5:] == [(LEFT, "1", False)]


async def test_nothing_is_left_of_deleted_notes(
    shard: Shard, notes: MemberNotes, own_store: processes.Store, own_client: "redis.Redis"
) -> None:
    notes.joined("A:1", "Minji")
    notes.joined("A:2", "Ada")
    await noted(shard)
    await member_notes.delete(shard, lambda data: data == "Minji")
    with closing(redis.Redis.from_url(own_store.url)) as raw:
        assert not any(b"Minji" in (raw.dump(key) or b"") for key in raw.scan_iter())
    pass_time(own_client)
    await member_notes.note_lost(shard)
    assert [data for _, data, _ in await noted(shard)] == ["Ada", "Ada"]
    await member_notes.delete(shard, lambda data: True)
    notes.joined("A:3", "Jun")
    assert [data for _, data, _ in await noted(shard)] == ["Jun"]


async def test_lists_are_not_kept_forever_without_a_worker(
    shard: Shard, notes: MemberNotes, own_client: "redis.Redis"
) -> None:
    notes.joined("A:1", "1")
    await noted(shard)
    lists = [key for key in own_client.scan_iter() if key != keys.MEMBERS]
    assert len(lists) == 2
    assert all(0 < own_client.ttl(key) <= member_notes.KEPT_SECONDS for key in lists)
