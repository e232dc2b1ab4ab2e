"""A worker holds what it works on, gives back what it cannot finish, and takes nothing from those who still work."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis

from doqchat.engine import Engine
from doqchat.serving import limits
from doqchat.store import keys
from doqchat.worker import fetch_loop as takers
from doqchat.worker import queue as jobs
from doqchat.worker import writer
from doqchat.worker.queue import Queue
from doqchat.worker.worker import Worker
from tests import processes
from tests.fanout.conftest import joined
from tests.fanout.socket import Socket
from tests.replies.conftest import CONCURRENCY, Site
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, JOBS, end_of
from tests.replies.drafts import taken
from tests.replies.working import answered, ask, working

SHORT_LEASE = 1.0


async def attempts(socket: Socket) -> set[int]:
    """The attempts that are seen until a reply ends, which has to end well."""
    seen = set()
    while (frame := await socket.frame())["hd"]["event"] not in ENDS:
        seen |= {frame["bd"]["attempt"]} if frame["hd"]["event"] == "llm.streaming" else set()
    assert (frame["hd"]["event"], frame["bd"]["finish_reason"]) == ("llm.response", "stop")
    return seen


async def test_more_requests_than_a_worker_has_room_for_are_each_asked_once(
    monkeypatch: pytest.MonkeyPatch,
    whole_site: Site,
    stores: list[processes.Store],
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", SHORT_LEASE)
    monkeypatch.setattr(takers, "LOOK_SECONDS", SHORT_LEASE / 4)
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


async def test_a_store_that_stands_still_longer_than_a_lease_takes_no_reply_from_its_worker(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", SHORT_LEASE)
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
        await asyncio.sleep(3 * SHORT_LEASE)  # how long it stands still is what this is about
        own_store.process.send_signal(signal.SIGCONT)
        assert set.union(*await asyncio.gather(*map(attempts, sockets))) == {1}


async def test_a_reply_stays_with_its_worker_while_a_long_conversation_is_read(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", SHORT_LEASE)
    monkeypatch.setattr(writer, "LEASE_SECONDS", SHORT_LEASE)
    reading, idle = make_engine(own_store), make_engine(own_store)
    read = reading.stream.read_back

    async def read_slowly(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(3 * SHORT_LEASE)  # how long it is read is what this is about
        return await read(*arguments, **named)

    monkeypatch.setattr(reading.stream, "read_back", read_slowly)
    async with joined(idle, sid) as socket, working(reading):
        await ask(idle, sid, "안녕")
        async with working(idle):
            assert await attempts(socket) == {1}


async def test_a_worker_that_leaves_hands_over_what_it_cannot_finish(
    monkeypatch: pytest.MonkeyPatch,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    monkeypatch.setattr(limits, "SHUTDOWN_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 3600.0)
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
    assert queue.xlen(keys.queue("default")) == 0


async def test_a_worker_that_leaves_gives_back_what_it_was_given_and_has_not_heard_of(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 3600.0)
    engine, stop = make_engine(own_store), asyncio.Event()
    leaving = Worker(engine)
    given = Queue(engine.shards.of(sid), "default", leaving.name)
    await given.prepare()
    await ask(engine, sid, "[[pieces=2]]")
    assert await given.take() is not None
    stop.set()
    await leaving.run(stop)
    async with working(engine):
        assert (await answered(engine, sid))["bd"]["finish_reason"] == "stop"


async def test_what_is_no_job_leaves_the_queue_and_stops_nothing(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    queue.xadd(keys.queue("default"), {"sid": sid, "something": "else"})
    async with working(engine):
        await ask(engine, sid, "안녕")
        assert (await answered(engine, sid))["hd"]["event"] == "llm.response"
    assert (queue.xlen(keys.queue("default")), queue.xpending(keys.queue("default"), keys.WORKERS)["pending"]) == (0, 0)


async def test_a_job_whose_worker_is_silent_is_found_behind_many_that_are_worked_on(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    drafts = [await taken(own_engine, f"{sid}-{number}", "busy") for number in range(250)]
    silent = drafts[240].job.id
    queue.xclaim(JOBS, keys.WORKERS, "dead", 0, [silent], idle=60_000)
    looking = Queue(own_engine.shards.of(sid), DEMO, "looking")
    assert await looking.abandoned() == []
    assert await looking.abandoned() == [silent]
    job = await looking.take_over(silent)
    assert job is not None
    assert job.id == silent
    assert await looking.take_over(silent) is None


async def test_a_worker_that_speaks_between_two_looks_keeps_its_job(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "slow")
    await draft.begin()
    queue.xclaim(JOBS, keys.WORKERS, "slow", 0, [draft.job.id], idle=60_000, justid=True)
    looking = Queue(own_engine.shards.of(sid), DEMO, "looking")
    assert await looking.abandoned() == []
    await draft.say("안녕")
    assert await looking.abandoned() == []


async def test_a_conversation_that_cannot_be_read_yet_is_read_when_the_store_is_back(
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
