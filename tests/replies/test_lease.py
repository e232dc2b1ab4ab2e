"""Who has lost a reply to another worker writes nothing of it any more."""

import json
from dataclasses import replace

import pytest
import redis

from doqchat.engine import Engine
from doqchat.protocol.events import Usage
from doqchat.store import keys
from doqchat.worker.leased_reply import MOST_DELIVERIES, GivenUp, LeasedReply, Lost
from doqchat.worker.queue import Queue
from tests.fanout.conftest import joined
from tests.replies.demo_requests import DEMO, JOBS, ask
from tests.replies.drafts import end, speaking, taken, taken_over


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


async def test_what_a_failover_has_lost_of_a_reply_is_shown_again_with_the_next_piece(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "worker")
    await draft.begin()
    for piece in ("안녕 ", "🙂", "하세요"):
        await draft.say(piece)
    text = keys.reply_text(sid, draft.job.reply)
    async with joined(own_engine, sid) as socket:
        for kept, piece, offset in (("안녕 ", "!", 3), ("", " 반갑", 0)):
            said = draft.text
            queue.set(text, kept) if kept else queue.delete(text)
            await draft.say("")
            await draft.say(piece)
            shown = (await socket.frame())["bd"]
            assert (shown["offset"], shown["text"]) == (offset, said[offset:] + piece)
            assert queue.get(text) == draft.text == said + piece


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
    assert queue.xlen(JOBS) == 0


async def test_a_job_that_comes_back_after_its_end_leaves_the_queue(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "first")
    queue.srem(keys.replies(sid), draft.job.reply)
    with pytest.raises(Lost):
        await draft.begin()
    assert queue.xlen(JOBS) == 0


async def test_saying_nothing_keeps_the_lease(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    await draft.begin()
    queue.xclaim(JOBS, keys.WORKERS, "first", 0, [draft.job.id], idle=60_000, justid=True)
    await draft.say("")
    (lease,) = queue.xpending_range(JOBS, keys.WORKERS, "-", "+", 1)
    assert (lease["consumer"], lease["times_delivered"]) == ("first", 1)
    assert lease["time_since_delivered"] < 30_000


async def test_a_cancelled_reply_is_over_whatever_its_worker_does(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "first")
    await draft.begin()
    for piece in ('안녕 "친구"', "\n/\\ 😊\x7f"):
        await draft.say(piece)
    await own_engine.cancellation.interrupt(sid, draft.job.reply, "cancelled")
    with pytest.raises(Lost):
        await draft.say("하세요")
    with pytest.raises(Lost):
        await draft.commit(end(draft))
    _, terminal = await own_engine.stream.read(sid)
    assert json.loads(terminal.body)["bd"] == {
        "reply_id": draft.job.reply,
        "request_id": draft.job.request,
        "text": draft.text,
        "finish_reason": "cancelled",
        "model": "demo",
        "usage": {},
    }
    assert (await own_engine.snapshots.take(sid)).replies == []
    assert (queue.xlen(JOBS), queue.xpending(JOBS, keys.WORKERS)["pending"]) == (0, 0)


async def test_a_reply_whose_worker_is_dead_is_cancelled_at_once_with_what_was_said(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    dead = await speaking(own_engine, sid, "dead")
    waiting = await ask(own_engine, sid)
    await own_engine.cancellation.interrupt(sid, dead.job.reply, "cancelled")
    terminal = (await own_engine.stream.read(sid))[-1]
    assert json.loads(terminal.body)["bd"]["text"] == "안녕"
    ((_, job),) = queue.xrange(JOBS)
    assert job["reply"] == waiting


async def test_a_reply_that_is_given_up_ends_with_what_was_said_last(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    last = await speaking(own_engine, sid, "last")
    queue.xclaim(JOBS, keys.WORKERS, "next", 0, [last.job.id], retrycount=MOST_DELIVERIES + 1)
    following = LeasedReply(own_engine.shards.of(sid), "next", last.job)
    with pytest.raises(GivenUp):
        await following.begin()
    assert following.error("failed", "").text == "안녕"


async def test_a_reply_that_its_worker_hands_over_is_there_for_others_and_counts_no_death(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leaving = await speaking(own_engine, sid, "leaving")
    await leaving.hand_over()
    with pytest.raises(Lost):
        await leaving.say("하세요")
    shard = own_engine.shards.of(sid)
    job = await Queue(shard, DEMO, "staying").take()
    assert job is not None
    (lease,) = queue.xpending_range(JOBS, keys.WORKERS, "-", "+", 10)
    assert (lease["consumer"], lease["times_delivered"]) == ("staying", 1)
    staying = LeasedReply(shard, "staying", job)
    await staying.begin()
    assert staying.attempt == 2
    await staying.commit(end(staying))
    assert queue.xlen(JOBS) == 0


async def test_workers_that_died_before_a_hand_over_are_counted_after_it(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    first = await speaking(own_engine, sid, "first")
    shard = own_engine.shards.of(sid)
    queue.xclaim(JOBS, keys.WORKERS, "leaving", 0, [first.job.id], retrycount=MOST_DELIVERIES)
    leaving = LeasedReply(shard, "leaving", first.job)
    await leaving.begin()
    await leaving.hand_over()
    job = await Queue(shard, DEMO, "last").take()
    assert job is not None
    await LeasedReply(shard, "last", job).begin()
    queue.xclaim(JOBS, keys.WORKERS, "one too many", 0, [job.id], retrycount=2)
    with pytest.raises(GivenUp):
        await LeasedReply(shard, "one too many", job).begin()


async def test_the_line_goes_on_past_replies_that_are_gone(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    gone, following = await ask(own_engine, sid), await ask(own_engine, sid)
    queue.srem(keys.replies(sid), gone)
    await draft.begin()
    await draft.commit(end(draft))
    assert [job["reply"] for _, job in queue.xrange(JOBS)] == [following]


async def test_a_job_with_fields_of_somebody_else_is_kept_as_ours_when_it_is_given_up(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "worker")
    ((job_id, job),) = queue.xrange(JOBS)
    queue.xdel(JOBS, job_id)
    theirs = queue.xadd(JOBS, {**job, **{f"field {number}": "" for number in range(5_000)}})
    queue.xreadgroup(keys.WORKERS, "worker", {JOBS: ">"})
    draft = LeasedReply(own_engine.shards.of(sid), "worker", replace(draft.job, id=theirs))
    await draft.commit(draft.error("failed", "It failed."), given_up=True)
    assert [fields for _, fields in queue.xrange(keys.DEAD_JOBS)] == [job]
    assert queue.xlen(keys.stream(sid)) == 2
    assert queue.smembers(keys.replies(sid)) == set()


async def test_a_reply_ends_whatever_a_provider_says_of_its_tokens(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await speaking(own_engine, sid, "worker")
    await draft.spend(10**400)
    await draft.commit(draft.response("안녕", "stop", "demo", Usage(input_tokens=10**400, output_tokens=3)))
    assert queue.hgetall(keys.COUNTERS).get("tokens:output") == "3"
    assert queue.smembers(keys.replies(sid)) == set()
