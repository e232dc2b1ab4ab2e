"""Reads cover the stream and the archive, and callers cannot tell where the border is."""

import asyncio

import pytest
import redis

from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.archive.writing import Batch
from doqchat.protocol.ids import BEGINNING
from doqchat.store import keys
from doqchat.store.participants import Participants
from doqchat.store.reader import Entry
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests.archive.conftest import LIVE
from tests.client import WITHIN

LENGTH = 3 * LIVE


@pytest.fixture
async def ids(stream: SessionStream, archiver: Archiver, sid: str) -> list[str]:
    """A session of LENGTH events, of which the last LIVE are in the store."""
    said = [await stream.append(sid, "AB"[number % 2], f"body {number}") for number in range(LENGTH)]
    await archiver.run_once()
    return [one.id for one in said]


def expected(ids: list[str]) -> list[Entry]:
    links = zip([BEGINNING, *ids], ids, strict=False)
    return [Entry(own, prev, "AB"[number % 2], f"body {number}") for number, (prev, own) in enumerate(links)]


async def test_many_events_leave_the_store_a_part_at_a_time(
    stream: SessionStream,
    archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doqchat.archive.archiver.MOST_TRIMMED", 3)
    for number in range(LENGTH):
        await stream.append(sid, "A", str(number))
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LIVE
    assert [entry.body for entry in await stream.read(sid)] == [str(number) for number in range(LENGTH)]


async def test_nothing_leaves_the_store_after_the_lock_has_expired(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(LENGTH):
        await stream.append(sid, "A", str(number))
    monkeypatch.setattr("doqchat.archive.lock.KEPT_MS", 1)
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LENGTH
    monkeypatch.undo()
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LIVE


async def test_an_archiver_renews_its_lock_during_a_pass(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doqchat.archive.lock.RENEWED_SECONDS", 0.02)
    await stream.append(sid, "A", "text")
    read, holders = archiver.copier._read, []

    async def read_late(sid: str) -> Batch | None:
        own_client.persist(keys.ARCHIVER)
        async with asyncio.timeout(WITHIN):
            while own_client.pttl(keys.ARCHIVER) < 0:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)
        holders.append(own_client.get(keys.ARCHIVER))
        return await read(sid)

    monkeypatch.setattr(archiver.copier, "_read", read_late)
    await archiver.run_once()
    assert holders == [archiver.lock._name]


async def test_an_archiver_stops_when_another_one_has_the_lock_or_it_is_paused(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    for number in range(LENGTH):
        await stream.append(sid, "A", str(number))
    for key in (keys.ARCHIVER, keys.ARCHIVER_PAUSED):
        own_client.set(key, "another")
        await archiver.run_once()
        assert own_client.xlen(keys.stream(sid)) == LENGTH
        own_client.delete(key)
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LIVE


def test_old_events_are_no_longer_in_the_store(own_client: "redis.Redis", sid: str, ids: list[str]) -> None:
    assert [entry_id for entry_id, _ in own_client.xrange(keys.stream(sid))] == ids[-LIVE:]


@pytest.mark.parametrize("count", [1, 7, LIVE, LENGTH - 1, LENGTH, 100])
async def test_pages_in_both_directions_are_one_chain(
    stream: SessionStream, sid: str, ids: list[str], count: int
) -> None:
    forwards: list[Entry] = []
    while page := await stream.read(sid, forwards[-1].id if forwards else BEGINNING, count):
        assert len(page) <= count
        forwards += page
    backwards: list[Entry] = []
    while page := await stream.read_back(sid, backwards[-1].id if backwards else None, count):
        assert len(page) <= count
        backwards += page
    assert forwards == backwards[::-1] == expected(ids)


async def test_any_range_is_the_same_as_without_an_archive(stream: SessionStream, sid: str, ids: list[str]) -> None:
    events = expected(ids)
    for first in range(0, LENGTH, 3):
        for last in range(first, LENGTH + 1, 4):
            after = ids[first - 1] if first else BEGINNING
            before = ids[last] if last < LENGTH else None
            for newest_first in (False, True):
                found = await stream.read_range(sid, after, before, count=LIVE, size=2**20, newest_first=newest_first)
                wanted = events[first:last][::-1] if newest_first else events[first:last]
                assert found.entries == wanted[:LIVE]
                assert found.more or len(wanted) <= LIVE


async def test_a_range_of_few_bytes_ends_on_either_side_of_the_border(
    stream: SessionStream, sid: str, ids: list[str]
) -> None:
    found: list[Entry] = []
    more = True
    while more:
        page = await stream.read_range(sid, found[-1].id if found else BEGINNING, count=100, size=20)
        assert page.entries or not page.more
        found, more = found + page.entries, page.more
    assert found == expected(ids)


async def test_single_events_are_found_on_both_sides(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert [await stream.get(sid, each) for each in ids] == expected(ids)
    assert await stream.get(sid, "1-1") is None
    assert await stream.get(sid, BEGINNING) is None


async def test_no_gap_is_reported_for_archived_events(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert [await stream.gap(sid, each) for each in ids] == [None] * LENGTH
    assert await stream.gap(sid, "99999999999999-0") is not None


async def test_events_that_another_program_trimmed_are_still_a_gap(
    stream: SessionStream, own_client: "redis.Redis", sid: str, ids: list[str]
) -> None:
    own_client.xtrim(keys.stream(sid), maxlen=2, approximate=False)
    assert await stream.gap(sid, ids[-LIVE]) is not None


async def test_counts_include_archived_events(
    shards: Shards, archive: DatabaseArchive, stream: SessionStream, archiver: Archiver, sid: str, ids: list[str]
) -> None:
    participants = Participants(shards, archive)
    assert await stream.length(sid) == LENGTH
    assert await participants.counts(sid) == {"A": LENGTH // 2, "B": LENGTH // 2}
    await asyncio.gather(*(stream.append(sid, "A", "more") for _ in range(LIVE)))
    assert await participants.counts(sid) == {"A": LENGTH // 2 + LIVE, "B": LENGTH // 2}
    await archiver.run_once()
    assert await participants.counts(sid) == {"A": LENGTH // 2 + LIVE, "B": LENGTH // 2}
    assert await stream.length(sid) == LENGTH + LIVE
