"""Members see every event, once and in order, though hints are lost, late or doubled."""

import asyncio
import gc
import weakref

import pytest
import redis

from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.fanout.layer import group_of
from doqchat.fanout.live import PAGE
from doqchat.store import keys
from doqchat.store.stream import Entry
from tests.fanout.conftest import BODY, Join, joined
from tests.fanout.socket import WITHIN

SILENT = {"participant": "A", "body": BODY}


def ids(frames: list[dict[str, dict[str, str]]]) -> list[str]:
    return [frame["hd"]["id"] for frame in frames]


async def append(engine: Engine, sid: str, count: int = 1) -> list[str]:
    """Events that are stored and told of."""
    return [(await engine.stream.append(sid, "A", BODY)).id for _ in range(count)]


def store_silently(store: "redis.Redis", sid: str) -> str:
    """An event that is stored and that nobody hears of: as if its hint were lost."""
    return str(store.xadd(keys.stream(sid), SILENT))


async def test_an_event_whose_hint_was_lost_is_read_when_the_next_one_comes(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    socket = await join(sid)
    first = await append(engine, sid)
    lost = [store_silently(store, sid) for _ in range(250)]
    last = await append(engine, sid)
    frames = await socket.frames_to(last[0])
    assert ids(frames) == first + lost + last
    assert [frame["hd"]["prev"] for frame in frames] == ["0-0", *first, *lost]


async def test_a_lost_last_event_is_found_by_the_beat(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    monkeypatch.setattr(hub, "BEAT_SECONDS", 0.05)
    socket = await join(sid)
    lost = store_silently(store, sid)
    assert ids([await socket.frame()]) == [lost]


async def test_hints_that_come_twice_or_late_are_not_delivered_again(
    no_beat: None, engine: Engine, join: Join, sid: str
) -> None:
    socket = await join(sid)
    first, second = await append(engine, sid, 2)
    for entry_id, prev in ((first, "0-0"), (second, first), (first, "0-0")):
        hint = {"type": "session.entry", "id": entry_id, "prev": prev, "body": BODY}
        await engine.layer.group_send(group_of(sid), hint)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == [first, second, *last]


async def test_a_hint_of_an_event_that_is_not_there_delivers_nothing(
    no_beat: None, engine: Engine, join: Join, sid: str
) -> None:
    socket = await join(sid)
    hint = {"type": "session.entry", "id": "99999999999999-0", "prev": "5-5", "body": BODY}
    await engine.layer.group_send(group_of(sid), hint)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last


async def test_a_message_of_another_kind_to_the_group_disturbs_nobody(engine: Engine, join: Join, sid: str) -> None:
    socket = await join(sid)
    await engine.layer.group_send(group_of(sid), {"type": "something.else"})
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last


async def test_any_django_code_reaches_the_sockets_through_the_group(engine: Engine, join: Join, sid: str) -> None:
    plain, full = await join(sid), await join(sid, v1=True)
    await engine.layer.group_send(group_of(sid), {"type": "session.signal", "text": '"for all"'})
    await engine.layer.group_send(group_of(sid), {"type": "session.signal", "text": '"for v1"', "full": True})
    await engine.layer.group_send(group_of(sid), {"type": "session.signal", "text": '"last"'})
    assert [await plain.text() for _ in range(2)] == ['"for all"', '"last"']
    assert [await full.text() for _ in range(3)] == ['"for all"', '"for v1"', '"last"']


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


async def test_sessions_that_are_entered_and_left_amid_traffic_keep_their_chains(
    no_beat: None, engine: Engine, sid: str
) -> None:
    async def come_and_go() -> None:
        for _ in range(10):
            async with joined(engine, sid) as socket:
                mine = await append(engine, sid, 2)
                frames = await socket.frames_to(mine[-1])
                assert set(mine) <= set(ids(frames))
                assert [frame["hd"]["prev"] for frame in frames[1:]] == ids(frames)[:-1]

    async with asyncio.timeout(WITHIN):
        await asyncio.gather(*(come_and_go() for _ in range(5)))


async def test_a_replay_that_reads_ahead_feeds_those_who_are_live(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    live = await join(sid)
    unheard = [store_silently(store, sid) for _ in range(3)]
    late = await join(sid, "0-0")
    assert ids(await late.frames_to(unheard[-1])) == unheard
    assert ids(await live.frames_to(unheard[-1])) == unheard


@pytest.mark.parametrize(
    "foreign", [{"body": "not JSON"}, {"body": "[]"}, {"body": '{"hd": 5}'}, {"body": "{}"}, {"anything": "else"}]
)
async def test_an_entry_that_is_no_envelope_is_noted_and_hides_none_that_is(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str, foreign: dict[str, str]
) -> None:
    live = await join(sid)
    said = await append(engine, sid)
    said.append(str(store.xadd(keys.stream(sid), foreign)))
    said += await append(engine, sid, 2)
    late = await join(sid, "0-0")
    for socket in (live, late):
        frames = await socket.frames_to(said[-1])
        assert ids(frames) == said
        assert [frame["hd"]["prev"] for frame in frames] == ["0-0", *said[:-1]]
        assert (frames[1]["hd"]["event"], frames[1]["bd"]["code"]) == ("session.notice", "unreadable")


async def test_a_socket_that_does_not_read_delays_nobody(engine: Engine, join: Join, sid: str) -> None:
    stuck, quick = await join(sid), await join(sid)
    stuck.reads.clear()
    body = BODY.replace("hi", "x" * 8_000)
    said = [(await engine.stream.append(sid, "A", body)).id for _ in range(60)]
    assert ids(await quick.frames_to(said[-1])) == said
    assert (stuck.overflowed, quick.overflowed) == (1, 0)


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
    async with asyncio.timeout(WITHIN):
        while not socket.member.behind:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.01)
    socket.reads.set()
    assert ids(await socket.frames_to(stored[-1])) == stored
    assert counts[:4] == [PAGE, 1, 2, 4]


async def test_a_session_that_everybody_has_left_is_freed_without_the_garbage_collector(
    engine: Engine, sid: str
) -> None:
    gc.disable()
    try:
        async with joined(engine, sid, v1=True) as socket:
            session = weakref.ref(await engine.hub.enter(sid, socket.member))
            await engine.hub.leave(session(), socket.member)  # type: ignore[arg-type]
        assert session() is None
    finally:
        gc.enable()


async def test_a_member_that_has_left_gets_nothing(engine: Engine, join: Join, sid: str) -> None:
    stays = await join(sid)
    async with joined(engine, sid) as gone:
        pass
    last = await append(engine, sid)
    await stays.frames_to(last[0])
    assert gone.written() == []


async def test_the_last_who_leaves_ends_the_subscription(engine: Engine, store: "redis.Redis", sid: str) -> None:
    channel = engine.layer.channel_of(sid)

    async def listeners(count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while store.pubsub_numsub(channel)[0][1] != count:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)

    async with joined(engine, sid):
        async with joined(engine, sid):
            await listeners(1)
        await listeners(1)
    await listeners(0)


async def test_who_gives_up_while_waiting_for_a_turn_leaves_nothing_behind(
    engine: Engine, join: Join, sid: str
) -> None:
    entering = asyncio.create_task(join(sid))
    await asyncio.sleep(0)
    entering.cancel()
    (outcome,) = await asyncio.gather(entering, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    socket = await join(sid)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last
