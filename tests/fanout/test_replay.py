"""A replay sends every event after an id at the pace of its socket, and then the member goes live."""

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
from doqchat.protocol.ids import LAST
from doqchat.store import keys
from doqchat.store.reader import Entry
from tests.fanout.conftest import BODY, Join, fail_once
from tests.fanout.events import append, ids, store_silently
from tests.fanout.socket import WITHIN, Socket


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 350])
async def test_a_replay_sends_every_event_after_the_cursor_and_then_goes_live(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str, length: int
) -> None:
    stored = [store_silently(store, sid) for _ in range(length)]
    whole, half = await join(sid, "0-0"), await join(sid, stored[length // 2] if stored else "0-0")
    last = await append(engine, sid)
    assert ids(await whole.frames_to(last[0])) == stored + last
    assert ids(await half.frames_to(last[0])) == stored[length // 2 + 1 :] + last


async def test_a_member_that_joins_under_load_receives_every_event_once(
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

    async def read_slowly(sid: str, after: str, count: int) -> list[Entry]:
        page = await read(sid, after=after, count=count)
        if not late.is_set():
            late.set()
            said.extend(await append(engine, sid))
            await live.frames_to(said[-1])
        return page

    monkeypatch.setattr(engine.stream, "read", read_slowly)
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
async def test_a_replay_goes_live_if_the_last_event_of_the_session_was_removed(
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
        while not session.is_live(socket.member):  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.01)
    last = await append(engine, sid)
    for each in (live, socket):
        assert ids(await each.frames_to(last[0])) == last
    await engine.hub.leave(session, socket.member)


async def test_a_whole_replay_closes_the_member_if_its_events_were_removed(
    no_beat: None, engine: Engine, store: "redis.Redis", sid: str
) -> None:
    said = await append(engine, sid, 3 * PAGE)
    not_started, started = Socket(v1=True), Socket(v1=True)
    session = await engine.hub.enter(sid, not_started.member)
    await engine.hub.enter(sid, started.member)
    for socket in (not_started, started):
        socket.member.release()
    session.replay(started.member, said[0], whole=True)
    seen = ids(await started.frames_to(said[1]))
    started.reads.clear()
    store.xtrim(keys.stream(sid), maxlen=10, approximate=False)
    session.replay(not_started.member, said[0], whole=True)
    started.reads.set()
    for socket in (not_started, started):
        async with asyncio.timeout(WITHIN):
            while not socket.dropped:  # noqa: ASYNC110 - there is no event to await
                await asyncio.sleep(0.01)
        assert socket.dropped == [FAILED]
        await engine.hub.leave(session, socket.member)
    seen += [json.loads(text)["hd"]["id"] for text in started.written()]
    assert seen == said[1 : len(seen) + 1]
    assert not_started.written() == []


@pytest.mark.parametrize("whole", [True, False])
async def test_a_replay_after_a_gap_or_from_the_end_sends_the_remaining_events(
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


async def test_a_member_whose_cursor_is_beyond_the_stream_receives_what_comes_during_the_replay(
    no_beat: None, engine: Engine, join: Join, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await append(engine, sid)
    read, said, added = engine.stream.read, list[str](), asyncio.Event()

    async def read_while_others_talk(sid: str, after: str, count: int = PAGE) -> list[Entry]:
        if not added.is_set():
            said.extend(await append(engine, sid))
            added.set()
        return await read(sid, after=after, count=count)

    live = await join(sid, "0-0")
    await live.frames_to(first[-1])
    monkeypatch.setattr(engine.stream, "read", read_while_others_talk)
    ahead = await join(sid, LAST)
    await added.wait()
    said += await append(engine, sid)
    assert ids(await ahead.frames_to(said[-1])) == said


async def test_a_replay_that_reads_ahead_delivers_to_live_members(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    live = await join(sid)
    unpublished = [store_silently(store, sid) for _ in range(3)]
    late = await join(sid, "0-0")
    assert ids(await late.frames_to(unpublished[-1])) == unpublished
    assert ids(await live.frames_to(unpublished[-1])) == unpublished


async def test_a_blocked_replay_does_not_delay_others(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    stored = [store_silently(store, sid) for _ in range(300)]
    live, blocked = await join(sid), await join(sid, "0-0")
    blocked.reads.clear()
    last = await append(engine, sid)
    assert ids(await live.frames_to(last[0])) == last
    blocked.reads.set()
    assert ids(await blocked.frames_to(last[0])) == stored + last


async def test_unread_replays_do_not_block_others(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    stored = [store_silently(store, sid) for _ in range(300)]
    for _ in range(2 * hub.REPLAYS_AT_ONCE):
        (await join(sid, "0-0")).reads.clear()
    assert ids(await (await join(sid, "0-0")).frames_to(stored[-1])) == stored


async def test_a_replay_reads_at_the_pace_of_its_socket(
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


async def test_a_blocked_replay_holds_no_pages_in_memory(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    large = {"participant": "A", "body": BODY.replace("hi", "x" * 8_000)}
    stored = [str(store.xadd(keys.stream(sid), large)) for _ in range(PAGE)]
    blocked = await join(sid, "0-0")
    blocked.reads.clear()
    await settled(blocked)
    assert [held.id for held in gc.get_objects() if type(held) is Entry and held.id in stored] == []
    blocked.reads.set()
    assert ids(await blocked.frames_to(stored[-1])) == stored


async def settled(socket: Socket) -> None:
    """Wait until the member is blocked by its socket."""
    async with asyncio.timeout(WITHIN):
        while not socket.member.behind:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.01)


async def test_a_failed_replay_closes_only_its_member(
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
