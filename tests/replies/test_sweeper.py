"""The sweeper finds pending replies whose hints were lost."""

import asyncio
from collections.abc import Callable

import pytest
import redis

from doqchat.engine import Engine
from doqchat.protocol.ids import order
from doqchat.store import keys
from doqchat.worker import leased_reply, sweeper
from doqchat.worker.sweeper import CLEAN_MS, Sweeper
from tests import processes
from tests.hints import posted, queued, run_out, said_long_ago, swept
from tests.replies.demo_requests import DEMO, ask
from tests.replies.due_replies import moment
from tests.replies.leased_replies import end, speaking, taken
from tests.replies.test_known_replies import say
from tests.replies.working import answered, working


def lose_hints(queue: "redis.Redis") -> None:
    """Delete all hints except OWING, which is posted before the append."""
    for key in queue.scan_iter("llm:*"):
        if key != keys.OWING:
            queue.delete(key)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep more often than by default."""
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.1)


async def test_a_request_is_answered_if_its_process_dies_right_after_the_append(
    often: None, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await ask(own_engine, sid)
    await posted(own_engine.shards.of(sid))
    lose_hints(queue)
    async with working(own_engine):
        assert (await answered(own_engine, sid))["hd"]["event"] == "llm.response"


async def test_an_automatic_reply_starts_although_its_hint_was_lost(
    often: None, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await own_engine.settings.change(sid, {"policy": "always", "llm": DEMO})
    await say(own_engine, sid)
    await posted(own_engine.shards.of(sid))
    lose_hints(queue)
    async with working(own_engine):
        assert (await answered(own_engine, sid))["hd"]["event"] == "llm.response"


async def test_the_next_reply_is_queued_although_the_worker_died_when_the_last_one_ended(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased, following = await speaking(own_engine, sid, "worker"), await ask(own_engine, sid)
    await leased.commit(end(leased))
    await posted(own_engine.shards.of(sid))
    lose_hints(queue)
    await swept(own_engine)
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, following)]


async def test_the_reply_of_a_dead_worker_is_queued_at_the_second_check(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await speaking(own_engine, sid, "dead")
    await swept(own_engine)
    looking = Sweeper(own_engine.shards.of(sid))
    queue.delete(keys.SWEEPER)
    await looking.sweep()
    run_out(queue, sid, leased.job.reply)
    seen = []
    for _ in range(2):
        await looking.sweep()
        await posted(own_engine.shards.of(sid))
        seen.append(queued(queue, DEMO))
    assert seen == [[], [(sid, leased.job.reply)]]


async def test_a_worker_that_renews_its_lease_between_two_checks_keeps_its_reply(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await speaking(own_engine, sid, "slow")
    looking = Sweeper(own_engine.shards.of(sid))
    await looking.sweep()
    queue.hset(keys.reply(sid, leased.job.reply), "leased_until", 1)
    await looking.sweep()
    await leased.say("안녕")
    await looking.sweep()
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == []


async def test_one_process_sweeps_and_another_takes_over_when_it_stops(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await ask(own_engine, sid)
    await posted(own_engine.shards.of(sid))
    first, second = (Sweeper(own_engine.shards.of(sid)) for _ in range(2))
    await first.sweep()
    lose_hints(queue)
    await first.sweep()
    holder = queue.get(keys.SWEEPER)
    await second.sweep()
    assert queue.get(keys.SWEEPER) == holder
    queue.delete(keys.SWEEPER)
    await second.sweep()
    assert queue.get(keys.SWEEPER) not in (holder, None)


async def test_a_session_without_pending_replies_is_forgotten_after_the_longest_append(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    owing, clean, recent = sid, f"{sid}-2", f"{sid}-3"
    await ask(own_engine, owing)
    await posted(own_engine.shards.of(sid))
    long_ago = moment(queue) - CLEAN_MS - 1
    queue.zadd(keys.OWING, {owing: long_ago, clean: long_ago, "no session": long_ago, recent: moment(queue)})
    await swept(own_engine)
    await posted(own_engine.shards.of(sid))
    assert set(queue.zrange(keys.OWING, 0, -1)) == {owing, recent}


async def test_a_process_marks_a_session_for_the_sweeper_before_the_append_and_rarely_again(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await say(own_engine, sid)
    (noted,) = queue.zrange(keys.OWING, 0, -1, withscores=True)
    said = order(await own_engine.stream.tail(sid))[0]
    await say(own_engine, sid)
    assert noted[0] == sid
    assert queue.zrange(keys.OWING, 0, -1, withscores=True) == [noted]
    assert abs(noted[1] - said) < 5_000


async def test_many_sessions_are_swept_and_each_reply_is_written_once(
    often: None,
    monkeypatch: pytest.MonkeyPatch,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", 1.0)
    engine = make_engine(own_store, aliases=("default", DEMO))
    sids = [f"{sid}-{number}" for number in range(30)]
    for each in sids:
        await ask(engine, each)
    await posted(engine.shards.of(sid))
    lose_hints(queue)
    async with working(engine), working(engine):
        ends = await asyncio.gather(*(answered(engine, each) for each in sids))
    assert {each["hd"]["event"] for each in ends} == {"llm.response"}
    assert [queue.xlen(keys.stream(each)) for each in sids] == [2] * len(sids)


async def test_a_due_reply_is_not_moved_by_the_sweeper(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    await own_engine.settings.change(sid, {"policy": "always"})
    await say(own_engine, sid)
    await posted(own_engine.shards.of(sid))
    said_long_ago(queue, sid, 5)
    queue.zadd(keys.DUE, {sid: 7})
    await swept(own_engine)
    await posted(own_engine.shards.of(sid))
    assert queue.zscore(keys.DUE, sid) == 7
    queue.delete(keys.DUE)
    await swept(own_engine)
    await posted(own_engine.shards.of(sid))
    assert queue.zscore(keys.DUE, sid) == 5


async def test_a_job_that_was_taken_but_not_started_is_queued_again(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(own_engine, sid, "dead")
    assert queued(queue, DEMO) == []
    await swept(own_engine)
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, leased.job.reply)]
