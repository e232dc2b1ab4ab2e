"""Members receive every event once and in order, even if hints are lost, late or duplicated."""

import asyncio
import gc
import weakref

import pytest
import redis

from doqchat.access.principal import Principal, open_access
from doqchat.engine import Engine
from doqchat.errors import SessionClosed
from doqchat.fanout import hub
from doqchat.fanout.member import FAILED, TOO_SLOW, Member
from doqchat.fanout.replay import PAGE
from doqchat.moderation import Moderator
from doqchat.protocol.names import BASIC
from doqchat.store import keys
from doqchat.store.keys import group_name
from doqchat.store.reader import Entry
from tests.fanout.conftest import BODY, Join, fail_once, joined
from tests.fanout.events import append, ids, store_silently
from tests.fanout.socket import WITHIN, Socket


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
        await engine.layer.group_send(group_name(sid), hint)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == [first, second, *last]


async def test_a_hint_of_a_missing_event_delivers_nothing(no_beat: None, engine: Engine, join: Join, sid: str) -> None:
    socket = await join(sid)
    hint = {"type": "session.entry", "id": "99999999999999-0", "prev": "5-5", "body": BODY}
    await engine.layer.group_send(group_name(sid), hint)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last


async def test_other_messages_to_the_group_do_not_disturb_members(engine: Engine, join: Join, sid: str) -> None:
    socket = await join(sid)
    await engine.layer.group_send(group_name(sid), {"type": "something.else"})
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last


async def test_any_django_code_reaches_the_sockets_through_the_group(engine: Engine, join: Join, sid: str) -> None:
    plain, full = await join(sid), await join(sid, v1=True)
    await engine.layer.group_send(group_name(sid), {"type": "session.signal", "text": '"for all"'})
    await engine.layer.group_send(group_name(sid), {"type": "session.signal", "text": '"for v1"', "full": True})
    await engine.layer.group_send(group_name(sid), {"type": "session.signal", "text": '"last"'})
    assert [await plain.text() for _ in range(2)] == ['"for all"', '"last"']
    assert [await full.text() for _ in range(3)] == ['"for all"', '"for v1"', '"last"']


async def test_members_that_join_and_leave_under_load_receive_every_event(
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


@pytest.mark.parametrize(
    "foreign", [{"body": "not JSON"}, {"body": "[]"}, {"body": '{"hd": 5}'}, {"body": "{}"}, {"anything": "else"}]
)
async def test_a_malformed_entry_becomes_a_notice_and_hides_no_others(
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


async def test_a_socket_that_does_not_read_does_not_delay_others(engine: Engine, join: Join, sid: str) -> None:
    blocked, quick = await join(sid), await join(sid)
    blocked.reads.clear()
    body = BODY.replace("hi", "가" * 8_000)
    said = [(await engine.stream.append(sid, "A", body)).id for _ in range(60)]
    assert ids(await quick.frames_to(said[-1])) == said
    assert (blocked.dropped, quick.dropped) == ([TOO_SLOW], [])


async def test_members_that_are_behind_read_missed_events_at_their_own_pace(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    large = {"participant": "A", "body": BODY.replace("hi", "x" * 8_000)}
    slow, quick = await join(sid), await join(sid)
    slow.reads.clear()
    said = await append(engine, sid)
    said += [str(store.xadd(keys.stream(sid), large)) for _ in range(PAGE)]
    said += await append(engine, sid)
    assert ids(await quick.frames_to(said[-1])) == said
    said += await append(engine, sid)
    slow.reads.set()
    assert ids(await slow.frames_to(said[-1])) == said
    said += await append(engine, sid)
    assert ids([await slow.frame()]) == said[-1:]
    assert slow.dropped == quick.dropped == []


async def test_a_member_that_joins_during_a_refill_receives_the_events_after_the_welcome(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    other, arriving = await join(sid), Socket()
    session = await engine.hub.enter(sid, arriving.member)
    session.go_live(arriving.member)
    large = {"participant": "A", "body": BODY.replace("hi", "x" * 8_000)}
    said = [str(store.xadd(keys.stream(sid), large)) for _ in range(PAGE)]
    said += await append(engine, sid)
    await other.frames_to(said[-1])
    arriving.member.release('{"hd":{"id":"welcome"}}')
    assert ids(await arriving.frames_to(said[-1])) == ["welcome", *said]
    await engine.hub.leave(session, arriving.member)


async def test_events_missed_by_many_members_are_read_once(
    monkeypatch: pytest.MonkeyPatch, no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    sockets = [await join(sid) for _ in range(20)]
    read, reads = engine.stream.read, []

    async def counted(sid: str, after: str, count: int) -> list[Entry]:
        reads.append(after)
        return await read(sid, after=after, count=count)

    monkeypatch.setattr(engine.stream, "read", counted)
    said = [store_silently(store, sid) for _ in range(50)]
    said += await append(engine, sid)
    for socket in sockets:
        assert ids(await socket.frames_to(said[-1])) == said
    assert reads == ["0-0"]


async def test_a_failed_refill_closes_the_members_that_would_miss_events_and_is_retried(
    monkeypatch: pytest.MonkeyPatch,
    no_beat: None,
    engine: Engine,
    store: "redis.Redis",
    join: Join,
    sid: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = await join(sid)
    said = [store_silently(store, sid)]
    fail_once(monkeypatch, engine)
    said += await append(engine, sid)
    async with asyncio.timeout(WITHIN):
        while not failing.dropped:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.01)
    assert failing.dropped == [FAILED]
    assert "deliberate" in caplog.text
    later = await join(sid)
    said += [store_silently(store, sid), *await append(engine, sid)]
    assert ids(await later.frames_to(said[-1]))[-2:] == said[-2:]


async def test_an_empty_session_is_freed_without_the_garbage_collector(engine: Engine, sid: str) -> None:
    gc.disable()
    try:
        async with joined(engine, sid, v1=True) as socket:
            session = weakref.ref(await engine.hub.enter(sid, socket.member))
            await engine.hub.leave(session(), socket.member)  # type: ignore[arg-type]
        assert session() is None
    finally:
        gc.enable()


async def test_a_member_that_has_left_receives_nothing(engine: Engine, join: Join, sid: str) -> None:
    stays = await join(sid)
    async with joined(engine, sid) as gone:
        pass
    last = await append(engine, sid)
    await stays.frames_to(last[0])
    assert gone.written() == []


async def test_the_last_member_that_leaves_ends_the_subscription(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    channel = engine.shards.of(sid).channel(sid)

    async def listeners(count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while store.pubsub_numsub(channel)[0][1] != count:  # noqa: ASYNC110 - there is no event to await
                await asyncio.sleep(0.01)

    async with joined(engine, sid):
        async with joined(engine, sid):
            await listeners(1)
        await listeners(1)
    await listeners(0)


async def test_a_join_cancelled_in_the_throttle_leaves_nothing_behind(engine: Engine, join: Join, sid: str) -> None:
    entering = asyncio.create_task(join(sid))
    await asyncio.sleep(0)
    entering.cancel()
    (outcome,) = await asyncio.gather(entering, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    socket = await join(sid)
    last = await append(engine, sid)
    assert ids(await socket.frames_to(last[0])) == last


async def test_a_reopened_session_is_open_on_a_process_that_still_has_members(engine: Engine, sid: str) -> None:
    dropped = asyncio.get_running_loop().create_future()
    socket = Socket(sid=sid)
    member = Member(socket.write, principal=open_access(sid), profile=BASIC, on_drop=dropped.set_result)
    session = await engine.hub.enter(sid, member)
    member.release()
    moderator = Moderator(engine, Principal(sid, "observer", frozenset({"moderate"})))
    await moderator.close()
    assert (await dropped, session.closed) == (SessionClosed.close_code, True)
    await moderator.mute("A", reason='"code":"reopened"')
    await moderator.reopen()
    last = (await engine.stream.read_back(sid, count=1))[0].id
    async with asyncio.timeout(5):
        while session.last != last:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.01)
    assert not session.closed
    await engine.hub.leave(session, member)
