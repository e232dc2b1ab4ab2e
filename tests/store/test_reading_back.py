"""Reading a session forwards and backwards, single entries, and gaps."""

import asyncio
import json

import pytest
import redis

from doqchat.protocol.events import Gap
from doqchat.store import keys
from doqchat.store.reader import Entry
from doqchat.store.stream import SessionStream

LENGTH = 7


@pytest.fixture
async def ids(stream: SessionStream, sid: str) -> list[str]:
    """The ids of a session of LENGTH events."""
    appended = await asyncio.gather(*(stream.append(sid, "A", f"body {number}") for number in range(LENGTH)))
    return [one.id for one in appended]


def chain(ids: list[str]) -> list[tuple[str, str]]:
    return list(zip(["0-0", *ids], ids, strict=False))


def links(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.prev, entry.id) for entry in entries]


@pytest.mark.parametrize("count", [1, 2, 3, LENGTH, 100])
async def test_pages_forwards_are_one_chain(stream: SessionStream, sid: str, ids: list[str], count: int) -> None:
    found: list[Entry] = []
    while page := await stream.read(sid, after=found[-1].id if found else "0-0", count=count):
        assert len(page) <= count
        found += page
    assert links(found) == chain(ids)
    assert [entry.body for entry in found] == [f"body {number}" for number in range(LENGTH)]


@pytest.mark.parametrize("count", [1, 2, 3, LENGTH, 100])
async def test_pages_backwards_are_the_same_chain(stream: SessionStream, sid: str, ids: list[str], count: int) -> None:
    found: list[Entry] = []
    while page := await stream.read_back(sid, before=found[-1].id if found else None, count=count):
        assert len(page) <= count
        found += page
    assert links(found[::-1]) == chain(ids)


async def test_reading_after_an_unknown_id_continues_with_the_next_entry(
    stream: SessionStream, sid: str, ids: list[str]
) -> None:
    milliseconds = int(ids[0].split("-")[0])
    assert links(await stream.read(sid, after=f"{milliseconds - 1}-5")) == chain(ids)
    assert await stream.read(sid, after=f"{milliseconds + 60_000}-0") == []


async def test_entries_that_were_removed_are_left_out_of_the_chain(
    stream: SessionStream, store: "redis.Redis", sid: str, ids: list[str]
) -> None:
    store.xdel(keys.stream(sid), ids[2], ids[3])
    kept = chain([*ids[:2], *ids[4:]])
    assert links(await stream.read(sid)) == kept
    assert links(await stream.read(sid, after=ids[3])) == kept[2:]
    assert links(await stream.read(sid, after=ids[2], count=1)) == kept[2:3]
    assert links((await stream.read_back(sid))[::-1]) == kept


async def test_malformed_entries_are_sent_as_valid_envelopes(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    for body in ('{"hd":{"event":"chat.message"', '{"hd":{"event":"chat.message","id":"7-7"},"bd":{}}', ""):
        store.xadd(keys.stream(sid), {"participant": "A", "body": body})
    entries = await stream.read(sid) + (await stream.read_back(sid))[::-1]
    heads = [json.loads(entry.wire())["hd"] for entry in entries]
    assert [(hd["prev"], hd["id"]) for hd in heads] == links(entries)
    assert [hd["event"] for hd in heads] == 2 * ["session.notice", "chat.message", "session.notice"]


async def test_one_entry_is_found_by_its_id(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert await stream.get(sid, ids[0]) == Entry(ids[0], "0-0", "A", "body 0")
    assert await stream.get(sid, ids[3]) == Entry(ids[3], ids[2], "A", "body 3")


async def test_an_entry_that_is_not_there_is_not_found(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert await stream.get(sid, "1-1") is None
    assert await stream.get(sid, f"{ids[-1]}0") is None
    assert await stream.get(sid + "-2", ids[0]) is None


async def test_the_tail_and_the_length_follow_the_stream(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert (await stream.tail(sid), await stream.length(sid)) == (ids[-1], LENGTH)


async def test_a_session_that_was_never_used_is_empty(stream: SessionStream, sid: str) -> None:
    assert (await stream.tail(sid), await stream.length(sid)) == ("0-0", 0)
    assert (await stream.read(sid), await stream.read_back(sid)) == ([], [])
    assert await stream.read(sid, after="5-0") == []


async def test_nothing_is_missing_while_everything_is_kept(stream: SessionStream, sid: str, ids: list[str]) -> None:
    assert [await stream.gap(sid, since) for since in ("0-0", *ids)] == [None] * (LENGTH + 1)


async def test_removed_events_are_a_gap_for_clients_that_have_not_read_them(
    stream: SessionStream, store: "redis.Redis", sid: str, ids: list[str]
) -> None:
    store.xdel(keys.stream(sid), ids[2])
    assert await stream.gap(sid, ids[1]) == Gap(since=ids[1], oldest_id=ids[0])
    assert await stream.gap(sid, ids[2]) is None


async def test_trimmed_events_are_a_gap(stream: SessionStream, store: "redis.Redis", sid: str, ids: list[str]) -> None:
    store.xtrim(keys.stream(sid), minid=ids[4], approximate=False)
    assert await stream.gap(sid, ids[1]) == Gap(since=ids[1], oldest_id=ids[4])
    assert await stream.gap(sid, ids[4]) is None


async def test_an_id_that_the_session_has_not_reached_is_a_gap(stream: SessionStream, sid: str, ids: list[str]) -> None:
    future = f"{int(ids[-1].split('-')[0]) + 1}-0"
    assert await stream.gap(sid, future) == Gap(since=future, oldest_id=ids[0])


async def test_a_deleted_session_is_a_gap(stream: SessionStream, sid: str) -> None:
    assert await stream.gap(sid, "5-0") == Gap(since="5-0", oldest_id=None)
    assert await stream.gap(sid, "0-0") is None
