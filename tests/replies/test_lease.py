"""Who has lost a reply to another worker writes nothing of it any more."""

import pytest
import redis

from doqchat.engine import Engine
from doqchat.protocol.events import LLMResponse
from doqchat.replies.draft import Draft, Interrupted, Lost
from doqchat.replies.jobs import Jobs
from doqchat.store import keys
from tests.fanout.conftest import joined
from tests.replies.test_waiting import ask


def end(draft: Draft) -> LLMResponse:
    """The event that ends a reply with what its worker has said."""
    return draft.response(draft.text, "stop")


async def taken(engine: Engine, sid: str, worker: str) -> Draft:
    """A reply to a new request, in the hands of a worker."""
    await ask(engine, sid)
    shard = engine.shards.of(sid)
    jobs = Jobs(shard, worker)
    await jobs.prepare()
    (job,) = await jobs.take(1)
    return Draft(shard, worker, job, engine.layer.channel_of)


def taken_over(engine: Engine, queue: "redis.Redis", draft: Draft, worker: str) -> Draft:
    """The same reply, in the hands of another."""
    queue.xclaim(keys.JOBS, keys.WORKERS, worker, 0, [draft.job.id])
    return Draft(engine.shards.of(draft.job.sid), worker, draft.job, engine.layer.channel_of)


async def test_a_worker_that_lost_its_lease_neither_says_nor_ends_anything(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    first = await taken(own_engine, sid, "first")
    async with joined(own_engine, sid) as socket:
        await first.begin()
        await first.say("안녕")
        second = taken_over(own_engine, queue, first, "second")
        with pytest.raises(Lost):
            await first.say("하세요")
        with pytest.raises(Lost):
            await first.commit(end(first))
        with pytest.raises(Lost):
            await first.begin()
        await second.begin()
        await second.say("반갑")
        with pytest.raises(Lost):
            await first.say("하세요")
        await second.commit(end(second))
        frames = [await socket.frame() for _ in range(3)]
    assert [(frame["hd"]["event"], frame["bd"].get("attempt"), frame["bd"]["text"]) for frame in frames] == [
        ("llm.streaming", 1, "안녕"),
        ("llm.streaming", 2, "반갑"),
        ("llm.response", None, "반갑"),
    ]
    assert socket.written() == []


async def test_a_reply_is_ended_once(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    await first.begin()
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    await second.commit(end(second))
    for draft in (first, second):
        with pytest.raises(Lost):
            await draft.commit(end(draft))
    assert [entry.participant for entry in await own_engine.stream.read(sid)] == ["user", "llm"]
    assert queue.xlen(keys.JOBS) == 0


async def test_a_job_that_comes_back_after_its_end_leaves_the_queue(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "first")
    queue.srem(keys.replies(sid), draft.job.reply)
    with pytest.raises(Lost):
        await draft.begin()
    assert queue.xlen(keys.JOBS) == 0


async def test_saying_nothing_keeps_the_lease(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    await draft.begin()
    queue.xclaim(keys.JOBS, keys.WORKERS, "first", 0, [draft.job.id], idle=60_000, justid=True)
    await draft.say("")
    (lease,) = queue.xpending_range(keys.JOBS, keys.WORKERS, "-", "+", 1)
    assert (lease["consumer"], lease["times_delivered"]) == ("first", 1)
    assert lease["time_since_delivered"] < 30_000


async def test_a_cancelled_reply_takes_no_more_text(own_engine: Engine, sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    await draft.begin()
    await draft.say("안녕")
    await own_engine.replies.cancel(sid, draft.job.reply)
    with pytest.raises(Interrupted):
        await draft.say("하세요")
    (reply,) = await own_engine.replies.under_way(sid)
    assert (reply.text, draft.text) == ("안녕", "안녕")
    await draft.commit(end(draft))
    assert await own_engine.replies.under_way(sid) == []


async def test_who_joins_an_attempt_that_was_begun_anew_sees_only_that(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    first = await taken(own_engine, sid, "first")
    await first.begin()
    await first.say("안녕")
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    (reply,) = await own_engine.replies.under_way(sid)
    assert (reply.attempt, reply.state, reply.text) == (2, "waiting", "")
