"""Each model has a separate queue: requests wait only for others to the same model."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.serving import limits
from doqchat.store import hints, keys
from doqchat.submission import submit
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests import processes
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out, swept
from tests.replies.conftest import CONCURRENCY, Site
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, end_of
from tests.replies.leased_replies import end, next_in_queue, speaking
from tests.replies.working import answered, ask, working

HANGING, WELL = "hanging", "default"
SILENT = "[[silent=1]]"


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make workers that are stopped not wait for a provider that hangs."""
    monkeypatch.setattr(limits, "SHUTDOWN_SECONDS", 0.1)


async def hang(site: Site, engine: Engine, sid: str, requests: int) -> None:
    """Let `requests` requests wait for a provider that hangs, each in a separate session."""
    for number in range(requests):
        await ask(engine, f"{sid}-{number}", f"{SILENT} {sid}", HANGING)
    async with asyncio.timeout(15):
        while len(await asyncio.to_thread(site.calls, sid)) < requests:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.05)


async def taken(engine: Engine, sid: str, prompt: str, alias: str) -> str:
    """Send a request and let an idle worker take its lease; returns the reply's id."""
    shard, reply = engine.shards.of(sid), await ask(engine, sid, prompt, alias)
    await posted(shard)
    job = await Queue(shard, alias, "dead").take()
    assert job is not None
    await LeasedReply(shard, "dead", job).begin()
    return reply


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_model_that_hangs_does_not_delay_requests_to_another(
    no_grace: None,
    whole_site: Site,
    own_store: processes.Store,
    make_engine: Callable[..., Engine],
    sid: str,
    workers: int,
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(working(engine))
        await hang(whole_site, engine, sid, workers * CONCURRENCY)
        await ask(engine, f"{sid}-waits", SILENT, HANGING)
        await ask(engine, sid, "[[pieces=2]]", WELL)
        assert (await answered(engine, sid))["bd"]["finish_reason"] == "stop"


async def test_a_request_without_a_free_slot_is_taken_by_another_worker(
    no_grace: None, whole_site: Site, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    async with working(engine):
        await hang(whole_site, engine, sid, CONCURRENCY)
        await ask(engine, sid, "[[pieces=2]]", HANGING)
        async with working(engine):
            assert (await answered(engine, sid))["bd"]["finish_reason"] == "stop"


async def test_the_job_of_a_dead_worker_is_taken_over_while_another_model_hangs(
    no_grace: None,
    whole_site: Site,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    dead = {alias: await taken(engine, f"{sid}-{alias}", "[[pieces=2]]", alias) for alias in (HANGING, WELL)}
    async with working(engine):
        await hang(whole_site, engine, sid, CONCURRENCY)
        for alias, reply in dead.items():
            run_out(queue, f"{sid}-{alias}", reply)
        assert (await answered(engine, f"{sid}-{WELL}"))["bd"]["finish_reason"] == "stop"


async def test_requests_queued_before_a_worker_starts_are_answered(
    own_engine: Engine, own_store: processes.Store, sid: str
) -> None:
    for alias in ("demo", "default"):
        await ask(own_engine, f"{sid}-{alias}", "안녕", alias)
    with processes.llm_worker(own_store.url):
        for alias in ("demo", "default"):
            assert (await answered(own_engine, f"{sid}-{alias}"))["hd"]["event"] == "llm.response"


async def test_a_frozen_store_does_not_delay_sessions_on_another(
    stores: list[processes.Store], make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(*stores)
    names = [f"{sid}-{number}" for number in range(10 * CONCURRENCY)]
    first, second = ([each for each in names if engine.stream.server(each) == store.url] for store in stores)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(joined(engine, each)) for each in first[:CONCURRENCY]]
        async with working(engine):
            for each in first[:CONCURRENCY]:
                await ask(engine, each, "[[pieces=40 pace=0.05]]")
            for socket in sockets:
                await end_of(socket, "llm.streaming")
            stores[0].process.send_signal(signal.SIGSTOP)
            stack.callback(stores[0].process.send_signal, signal.SIGCONT)
            for each in second[:2]:
                await ask(engine, each, "[[pieces=2]]")
                assert (await answered(engine, each))["bd"]["finish_reason"] == "stop"
            stores[0].process.send_signal(signal.SIGCONT)
            for socket in sockets:
                assert (await end_of(socket, *ENDS))["bd"]["finish_reason"] == "stop"


async def test_sessions_take_turns_however_many_requests_each_has(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    flooding, other = f"{sid}-flood", f"{sid}-other"
    leased = await speaking(own_engine, flooding, "worker")
    waiting = [await ask(own_engine, flooding, "안녕", DEMO) for _ in range(2)]
    asked = await ask(own_engine, other, "안녕", DEMO)
    order = []
    for _ in range(3):
        await leased.commit(end(leased))
        leased = await next_in_queue(own_engine, other, "worker")
        await leased.begin()
        order.append((leased.job.sid, leased.job.reply))
    assert order == [(other, asked), (flooding, waiting[0]), (flooding, waiting[1])]


async def test_people_take_turns_however_many_sessions_each_has(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    for number in range(50):
        await ask_as(own_engine, f"{sid}-{number}", subject="flooder")
    await ask_as(own_engine, f"{sid}-other", subject="other")
    await ask_as(own_engine, f"{sid}-address", address="192.0.2.1")
    await posted(*own_engine.shards)
    assert {each for each, _ in queued(queue, DEMO)[:3]} == {f"{sid}-0", f"{sid}-other", f"{sid}-address"}
    assert [each for each, _ in queued(queue, DEMO)[3:]] == [f"{sid}-{number}" for number in range(1, 50)]


async def test_a_flood_has_an_effect_for_a_limited_time(
    own_engine: Engine, queue: "redis.Redis", sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "MOST_AHEAD_MS", 5_000)
    for number in range(20):
        await ask_as(own_engine, f"{sid}-{number}", subject="flooder")
    await posted(*own_engine.shards)
    first, *_, last = (place for _, place in queue.zrange(keys.queue(DEMO), 0, -1, withscores=True))
    assert 4_000 < last - first <= 5_000 + hints.APART_MS


async def ask_as(engine: Engine, sid: str, **who: str) -> None:
    """Send a request of somebody."""
    frame = from_data({"hd": {"event": "llm.request", "role": "A"}, "bd": {"prompt": "안녕", "llm": DEMO}})
    await submit(engine, replace(open_access(sid), **who), frame)


async def test_a_reply_that_is_queued_again_keeps_its_turn(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await speaking(own_engine, sid, "worker")
    following = await ask(own_engine, sid, "안녕", DEMO)
    await leased.commit(end(leased))
    await posted(own_engine.shards.of(sid))
    turn = queue.zscore(keys.queue(DEMO), f"{sid} {following}")
    queue.delete(keys.queue(DEMO))
    await ask(own_engine, f"{sid}-later", "안녕", DEMO)
    await swept(own_engine)
    assert [each for each, _ in queued(queue, DEMO)] == [sid, f"{sid}-later"]
    again = await next_in_queue(own_engine, sid, "worker")
    await again.begin()
    await again.hand_over()
    await posted(own_engine.shards.of(sid))
    assert queue.zscore(keys.queue(DEMO), f"{sid} {following}") == turn
