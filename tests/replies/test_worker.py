"""A worker keeps its leases, hands over what it cannot finish, and takes no jobs of running workers."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis

from doqchat.engine import Engine
from doqchat.serving import shutdown
from doqchat.store import keys
from doqchat.worker import leased_reply, sweeper
from doqchat.worker.background import FIRST_WAIT, LONGEST_WAIT, Repeating
from doqchat.worker.queue import Queue
from tests import processes
from tests.fanout.conftest import joined
from tests.fanout.socket import Socket
from tests.hints import posted, queued
from tests.replies.conftest import CONCURRENCY, Site
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of
from tests.replies.working import answered, ask, working

SHORT_LEASE = 1.0


async def attempts(socket: Socket) -> set[int]:
    """The attempts in the frames of a reply that must end with an answer."""
    seen = set()
    while (frame := await socket.frame())["hd"]["event"] not in ENDS:
        seen |= {frame["bd"]["attempt"]} if frame["hd"]["event"] == "llm.streaming" else set()
    assert (frame["hd"]["event"], frame["bd"]["finish_reason"]) == ("llm.response", "stop")
    return seen


@pytest.mark.slow
async def test_requests_beyond_the_concurrency_are_each_answered_once(
    monkeypatch: pytest.MonkeyPatch,
    whole_site: Site,
    stores: list[processes.Store],
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", SHORT_LEASE)
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", SHORT_LEASE / 4)
    engine = make_engine(*stores)
    sids = [f"{sid}-{number}" for number in range(5 * CONCURRENCY)]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(joined(engine, each)) for each in sids]
        for each in sids:
            await ask(engine, each, f"[[pieces=8 pace=0.1]] {sid}")
        async with working(engine):
            seen = await asyncio.gather(*map(attempts, sockets))
    assert set.union(*seen) == {1}
    assert len(whole_site.calls(sid)) == len(sids)


@pytest.mark.slow
async def test_a_worker_keeps_its_reply_if_the_store_is_frozen_for_longer_than_a_lease(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", SHORT_LEASE)
    engines = [make_engine(own_store), make_engine(own_store)]
    sids = [f"{sid}-{number}" for number in range(CONCURRENCY)]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(joined(engines[0], each)) for each in sids]
        for engine in engines:
            await stack.enter_async_context(working(engine))
        for each in sids:
            await ask(engines[0], each, "[[pieces=100 pace=0.05]]")
        for socket in sockets:
            await end_of(socket, "llm.streaming")
        own_store.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(3 * SHORT_LEASE)  # longer than a lease
        own_store.process.send_signal(signal.SIGCONT)
        assert set.union(*await asyncio.gather(*map(attempts, sockets))) == {1}


@pytest.mark.slow
async def test_a_reply_stays_with_its_worker_while_a_long_conversation_is_read(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", SHORT_LEASE)
    reading, idle = make_engine(own_store), make_engine(own_store)
    read = reading.stream.read_back

    async def read_slowly(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(3 * SHORT_LEASE)  # longer than a lease
        return await read(*arguments, **named)

    monkeypatch.setattr(reading.stream, "read_back", read_slowly)
    async with joined(idle, sid) as socket, working(reading):
        await ask(idle, sid, "안녕")
        async with working(idle):
            assert await attempts(socket) == {1}


@pytest.mark.slow
async def test_a_worker_that_stops_hands_over_unfinished_replies(
    monkeypatch: pytest.MonkeyPatch,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    monkeypatch.setattr(shutdown, "SHUTDOWN_SECONDS", 0.1)
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", 3600.0)
    leaving, staying = make_engine(own_store), make_engine(own_store)
    async with joined(staying, sid) as socket:
        for number in range(4):
            async with working(leaving) as leave:
                if number == 0:
                    await ask(staying, sid, "[[pieces=30 pace=0.1]]")
                while (await end_of(socket, "llm.streaming"))["bd"]["attempt"] <= number:
                    pass
                await leave()
        async with working(staying):
            assert 5 in await attempts(socket)
    assert not queue.exists(keys.replies(sid))


async def test_a_request_taken_during_shutdown_is_queued_again(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    shard = engine.shards.of(sid)
    reply = await ask(engine, sid, "안녕")
    await posted(shard)
    taking = asyncio.create_task(Queue(shard, "default", "leaving").take())
    await asyncio.sleep(0)  # the command is sent
    taking.cancel()
    await asyncio.wait([taking])
    await posted(shard)
    assert taking.cancelled()
    assert queued(queue) == [(sid, reply)]


async def test_a_step_that_fails_is_prepared_again_and_retried_after_waits_that_double_up_to_a_limit(
    own_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [*[False] * 6, True, False]
    waits: list[float] = []
    prepared_for: list[int] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == len(outcomes):
            raise asyncio.CancelledError

    async def prepare() -> None:
        prepared_for.append(len(waits))

    async def step() -> None:
        if not outcomes[len(waits)]:
            raise ValueError

    (shard,) = own_engine.shards
    monkeypatch.setattr("doqchat.worker.background.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Repeating(shard).repeat(step, 60.0, prepare)
    doubling = [min(FIRST_WAIT * 2**number, LONGEST_WAIT) for number in range(6)]
    assert waits == [*doubling, 60.0, FIRST_WAIT]
    assert prepared_for == list(range(7))


async def test_an_invalid_job_is_dropped_from_the_queue(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    queue.zadd(keys.queue("default"), {f"{sid} something else": 0})
    async with working(engine):
        await ask(engine, sid, "안녕")
        assert (await answered(engine, sid))["hd"]["event"] == "llm.response"
    assert queue.zscore(keys.queue("default"), f"{sid} something else") is None


@pytest.mark.slow
async def test_reading_a_conversation_is_retried_until_the_store_is_back(
    own_store: processes.Store, make_engine: Callable[..., Engine], sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(own_store)
    read, away = engine.stream.read_back, asyncio.Event()

    async def die_first(*arguments: Any, **named: Any) -> Any:
        if not away.is_set():
            own_store.process.kill()
            own_store.process.wait()
            away.set()
        return await read(*arguments, **named)

    monkeypatch.setattr(engine.stream, "read_back", die_first)
    async with working(engine):
        await ask(engine, sid, "안녕")
        async with asyncio.timeout(15):
            await away.wait()
        with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
            end = await answered(engine, sid)
    assert (end["hd"]["event"], end["bd"].get("finish_reason")) == ("llm.response", "stop")
