"""A replay is everything after an id, at the pace of its socket, and then the member is live."""

import asyncio
import gc
import json
from collections.abc import Callable

import pytest
import redis

from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.fanout.member import FAILED
from doqchat.fanout.replay import PAGE
from doqchat.store import keys
from doqchat.store.stream import Entry
from tests.fanout.conftest import BODY, Join, fail_once
from tests.fanout.events import append, ids, store_silently
from tests.fanout.socket import WITHIN, Socket


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 350])
async def test_a_replay_is_everything_after_the_cursor_and_then_goes_live(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str, length: int
) -> None:
    stored = [store_silently(store, sid) for _ in range(length)]
    whole, half = await join(sid, "0-0"), await join(sid, stored[length // 2] if stored else "0-0")
    last = await append(engine, sid)
    assert ids(await whole.frames_to(last[0])) == stored + last
    assert ids(await half.frames_to(last[0])) == stored[length // 2 + 1 :] + last


async def test_who_joins_amid_live_traffic_misses_nothing_and_gets_nothing_twice(
    no_beat: None, engine: Engine, join: Join, sid: str
) -> None:
    said: list[str] = []
    all_here = asyncio.Event()

    async def talk() -> None:
        while not all_here.is_set():
            said.extend(await append(engine, sid))

    talking = asyncio.create_task(talk())
    sockets = []
    for _ in range(15):
        sockets.append(await join(sid, "0-0"))
        await engine.stream.tail(sid)
    all_here.set()
    await talking
    for socket in sockets:
        assert ids(await socket.frames_to(said[-1])) == said


async def test_an_event_that_comes_while_a_replay_reads_its_last_page_is_in_the_replay(
    monkeypatch: pytest.MonkeyPatch, no_beat: None, engine: Engine, join: Join, sid: str
) -> None:
    live = await join(sid)
    said = await append(engine, sid, 2)
    await live.frames_to(said[-1])
    read, late = engine.stream.read, asyncio.Event()

    async def read_and_be_late(sid: str, after: str, count: int) -> list[Entry]:
        page = await read(sid, after=after, count=count)
        if not late.is_set():
            late.set()
            said.extend(await append(engine, sid))
            await live.frames_to(said[-1])
        return page

    monkeypatch.setattr(engine.stream, "read", read_and_be_late)
    socket = await join(sid, "0-0")
    async with asyncio.timeout(WITHIN):
        await late.wait()
    said += await append(engine, sid)
    assert ids(await socket.frames_to(said[-1])) == said


@pytest.mark.parametrize(
    "remove",
    [
        lambda store, stream, last: store.xdel(stream, last),
        lambda store, stream, last: store.xtrim(stream, maxlen=0, approximate=False),
        lambda store, stream, last: store.delete(stream),
    ],
    ids=["deleted", "trimmed", "the whole stream deleted"],
)
async def test_a_replay_goes_live_where_the_event_that_the_session_saw_last_is_no_longer_kept(
    no_beat: None,
    engine: Engine,
    store: "redis.Redis",
    join: Join,
    sid: str,
    remove: Callable[["redis.Redis", str, str], object],
) -> None:
    live = await join(sid)
    said = await append(engine, sid, 2)
    await live.frames_to(said[-1])
    remove(store, keys.stream(sid), said[-1])
    socket = Socket()
    session = await engine.hub.enter(sid, socket.member)
    socket.member.release()
    session.replay(socket.member, said[0], whole=False)
    async with asyncio.timeout(WITHIN):
        while not session.is_live(socket.member):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.01)
    last = await append(engine, sid)
    for each in (live, socket):
        assert ids(await each.frames_to(last[0])) == last
    await engine.hub.leave(session, socket.member)


async def test_who_was_promised_all_and_cannot_get_it_any_more_has_to_come_back(
    no_beat: None, engine: Engine, store: "redis.Redis", sid: str
) -> None:
    said = await append(engine, sid, 3 * PAGE)
    just_told, amid = Socket(v1=True), Socket(v1=True)
    session = await engine.hub.enter(sid, just_told.member)
    await engine.hub.enter(sid, amid.member)
    for socket in (just_told, amid):
        socket.member.release()
    session.replay(amid.member, said[0], whole=True)
    seen = ids(await amid.frames_to(said[1]))
    amid.reads.clear()
    store.xtrim(keys.stream(sid), maxlen=10, approximate=False)
    session.replay(just_told.member, said[0], whole=True)
    amid.reads.set()
    for socket in (just_told, amid):
        async with asyncio.timeout(WITHIN):
            while not socket.dropped:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)
        assert socket.dropped == [FAILED]
        await engine.hub.leave(session, socket.member)
    seen += [json.loads(text)["hd"]["id"] for text in amid.written()]
    assert seen == said[1 : len(seen) + 1]
    assert just_told.written() == []


@pytest.mark.parametrize("whole", [True, False])
async def test_who_was_told_of_a_gap_or_has_all_gets_what_there_is(
    no_beat: None, engine: Engine, store: "redis.Redis", sid: str, whole: bool
) -> None:
    said = await append(engine, sid, 5)
    store.xdel(keys.stream(sid), said[0]) if whole else store.xtrim(keys.stream(sid), maxlen=2, approximate=False)
    socket = Socket(v1=True)
    session = await engine.hub.enter(sid, socket.member)
    socket.member.release()
    session.replay(socket.member, said[0], whole=whole)
    assert ids(await socket.frames_to(said[-1])) == (said[1:] if whole else said[3:])
    assert socket.dropped == []
    await engine.hub.leave(session, socket.member)


async def test_a_replay_that_reads_ahead_feeds_those_who_are_live(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    live = await join(sid)
    unheard = [store_silently(store, sid) for _ in range(3)]
    late = await join(sid, "0-0")
    assert ids(await late.frames_to(unheard[-1])) == unheard
    assert ids(await live.frames_to(unheard[-1])) == unheard


async def test_a_stuck_replay_delays_nobody(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    stored = [store_silently(store, sid) for _ in range(300)]
    live, stuck = await join(sid), await join(sid, "0-0")
    stuck.reads.clear()
    last = await append(engine, sid)
    assert ids(await live.frames_to(last[0])) == last
    stuck.reads.set()
    assert ids(await stuck.frames_to(last[0])) == stored + last


async def test_replays_that_are_not_read_hold_up_no_other(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    stored = [store_silently(store, sid) for _ in range(300)]
    for _ in range(2 * hub.REPLAYS_AT_ONCE):
        (await join(sid, "0-0")).reads.clear()
    assert ids(await (await join(sid, "0-0")).frames_to(stored[-1])) == stored


async def test_a_replay_reads_no_more_than_its_socket_takes(
    monkeypatch: pytest.MonkeyPatch, no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    stored = [store_silently(store, sid) for _ in range(200)]
    read, counts = engine.stream.read, []

    async def counted(sid: str, after: str, count: int) -> list[Entry]:
        counts.append(count)
        return await read(sid, after=after, count=count)

    monkeypatch.setattr(engine.stream, "read", counted)
    socket = await join(sid, "0-0")
    socket.reads.clear()
    await settled(socket)
    socket.reads.set()
    assert ids(await socket.frames_to(stored[-1])) == stored
    assert counts[:4] == [PAGE, 1, 2, 4]


async def test_a_stuck_replay_keeps_nothing_of_what_it_has_read(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    large = {"participant": "A", "body": BODY.replace("hi", "x" * 8_000)}
    stored = [str(store.xadd(keys.stream(sid), large)) for _ in range(PAGE)]
    stuck = await join(sid, "0-0")
    stuck.reads.clear()
    await settled(stuck)
    assert [held.id for held in gc.get_objects() if type(held) is Entry and held.id in stored] == []
    stuck.reads.set()
    assert ids(await stuck.frames_to(stored[-1])) == stored


async def settled(socket: Socket) -> None:
    """Returns when the member waits for its socket."""
    async with asyncio.timeout(WITHIN):
        while not socket.member.behind:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.01)


async def test_a_replay_that_fails_closes_its_member_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
    no_beat: None,
    engine: Engine,
    join: Join,
    sid: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = await join(sid)
    said = await append(engine, sid)
    fail_once(monkeypatch, engine)
    failing = await join(sid, "0-0")
    said += await append(engine, sid)
    assert ids(await other.frames_to(said[-1])) == said
    assert (failing.dropped, failing.member.closed, other.dropped) == ([FAILED], True, [])
    assert "A replay" in caplog.text
    assert "deliberate" in caplog.text
