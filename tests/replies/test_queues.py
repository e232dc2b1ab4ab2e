"""Each model has a separate queue: requests wait only for others to the same model."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.conf import LimitSettings
from doqchat.engine import Engine
from doqchat.limits.clients import ClientLimits
from doqchat.protocol import server
from doqchat.protocol.frames import from_data
from doqchat.serving import shutdown
from doqchat.store import keys
from doqchat.submission import submit
from doqchat.worker import queue as polling
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests import processes
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out, said_long_ago, swept
from tests.replies.conftest import CONCURRENCY, Site
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, end_of
from tests.replies.due_replies import automatic_replies
from tests.replies.leased_replies import end, next_in_queue, speaking
from tests.replies.working import answered, ask, working

HANGING, WELL = "hanging", "default"
SILENT = "[[silent=1]]"


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make workers that are stopped not wait for a provider that hangs."""
    monkeypatch.setattr(shutdown, "SHUTDOWN_SECONDS", 0.1)


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


@pytest.mark.parametrize("workers", [1, 2])
async def test_one_person_cannot_occupy_all_slots_of_a_model(
    no_grace: None,
    whole_site: Site,
    own_store: processes.Store,
    make_engine: Callable[..., Engine],
    sid: str,
    workers: int,
) -> None:
    engine = make_engine(own_store, aliases=(HANGING,))
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(working(engine))
        for number in range(2 * workers * CONCURRENCY):
            await ask_as(engine, f"{sid}-{number}", f"{SILENT} {sid}", HANGING, subject="flooder")
        await ask_as(engine, f"{sid}-other", "[[pieces=2]]", HANGING, subject="other")
        assert (await answered(engine, f"{sid}-other"))["bd"]["finish_reason"] == "stop"
        assert len(await asyncio.to_thread(whole_site.calls, sid)) == workers * CONCURRENCY // 2


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_all_requests_of_one_person_are_answered(
    own_store: processes.Store, make_engine: Callable[..., Engine], sid: str, concurrency: int
) -> None:
    engine = make_engine(own_store, CONCURRENCY=concurrency)
    sids = [f"{sid}-{number}" for number in range(4)]
    async with working(engine):
        for each in sids:
            await ask_as(engine, each, "[[pieces=2]]", WELL, subject="alone")
        assert {(await answered(engine, each))["bd"]["finish_reason"] for each in sids} == {"stop"}


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


async def test_an_idle_worker_takes_a_request_when_it_is_notified(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    monkeypatch.setattr(polling, "LOOK_SECONDS", 3600.0)
    shard = own_engine.shards.of(sid)
    async with working(own_engine):
        async with asyncio.timeout(15):
            while not queue.pubsub_numsub(shard.workers_channel)[0][1]:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.01)
        await posted(shard)  # and so is the first look at the queue
        await ask(own_engine, sid, "안녕", DEMO)
        assert (await answered(own_engine, sid))["hd"]["event"] == "llm.response"


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
    for number in range(5):
        await ask_as(own_engine, f"{sid}-{number}", subject="flooder")
    for number in range(2):
        await ask_as(own_engine, f"{sid}-other-{number}", subject="other")
    await ask_as(own_engine, f"{sid}-address", address="192.0.2.1")
    order = [(await next_in_queue(own_engine, sid, "worker")).job.sid for _ in range(8)]
    first_turns, second_turns = ("0", "other-0", "address"), ("1", "other-1")
    assert order == [f"{sid}-{each}" for each in (*first_turns, *second_turns, "2", "3", "4")]
    assert queue.keys("*llm:queue*") == []


async def test_automatic_replies_take_the_turns_of_the_person_who_has_caused_them(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await mention_as(own_engine, queue, [f"{sid}-{number}" for number in range(3)], subject="flooder")
    shard = own_engine.shards.of(sid)
    await automatic_replies(own_engine, sid).start(3)
    await ask_as(own_engine, f"{sid}-other", "안녕", WELL, subject="other")
    await posted(shard)
    taken = [await Queue(shard, WELL, "worker").take() for _ in range(3)]
    assert [job and job.sid.removeprefix(sid) for job in taken][1] == "-other"


@pytest.mark.parametrize("who", [{"subject": "flooder"}, {"address": "192.0.2.1"}])
async def test_automatic_replies_count_as_requests_of_the_person_who_has_caused_them(
    own_engine: Engine, queue: "redis.Redis", sid: str, who: dict[str, str]
) -> None:
    own_engine.clients = ClientLimits(LimitSettings(PERSON_REQUESTS=2, ADDRESS_REQUESTS=2))
    sids = [f"{sid}-{number}" for number in range(3)]
    await mention_as(own_engine, queue, sids, **who)
    await mention_as(own_engine, queue, [f"{sid}-other"], subject="other")
    await automatic_replies(own_engine, sid).start(4)
    assert [queue.scard(keys.replies(each)) for each in (*sids, f"{sid}-other")] == [1, 1, 0, 1]
    refused = server.read_stored((await own_engine.stream.read(sids[2], "0-0", 9))[-1].body)
    assert refused is not None
    assert refused.event == "llm.error"


async def test_a_cancelled_reply_leaves_nothing_in_the_queue(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    reply = await ask_as(own_engine, sid, subject="alone")
    await posted(*own_engine.shards)
    assert queue.keys("*llm:queue*")
    await own_engine.cancellation.cancel(sid, reply)
    await posted(*own_engine.shards)
    assert queue.keys("*llm:queue*") == []


@pytest.mark.parametrize("lost", ["", ":people", ":turns", ":of:*"])
async def test_a_queue_of_which_a_part_was_lost_is_restored(
    own_engine: Engine, queue: "redis.Redis", sid: str, lost: str
) -> None:
    for number in range(2):
        await ask_as(own_engine, f"{sid}-{number}", subject="alone")
    await posted(*own_engine.shards)
    queue.delete(*queue.keys(f"{{{keys.queue(DEMO)}}}{lost}" if lost else keys.queue(DEMO)))
    await swept(own_engine)
    order = [(await next_in_queue(own_engine, sid, "worker")).job.sid for _ in range(2)]
    assert order == [f"{sid}-0", f"{sid}-1"]
    assert queue.keys("*llm:queue*") == []


async def ask_as(engine: Engine, sid: str, prompt: str = "안녕", llm: str = DEMO, **who: str) -> str:
    """Send a request of a person; returns the reply's id."""
    frame = from_data({"hd": {"event": "llm.request", "role": "A"}, "bd": {"prompt": prompt, "llm": llm}})
    appended = await submit(engine, replace(open_access(sid), **who), frame)
    assert appended is not None
    return f"r{appended.id}"


async def mention_as(engine: Engine, queue: "redis.Redis", sids: Sequence[str], **who: str) -> None:
    """Have a person call the assistant in several sessions, whose automatic replies are due then."""
    frame = from_data({"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": "@llm 안녕"}})
    for number, each in enumerate(sids):
        await submit(engine, replace(open_access(each), **who), frame)
        await posted(engine.shards.of(each))
        said_long_ago(queue, each, number)


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
