"""Only the worker with the lease can write a reply."""

import asyncio
import json
from dataclasses import replace

import pytest
import redis

from doqchat.engine import Engine
from doqchat.protocol.events import Usage
from doqchat.store import keys
from doqchat.worker.leased_reply import LEASE_SECONDS, MOST_DELIVERIES, GivenUp, LeasedReply, Lost
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out
from tests.replies.demo_requests import DEMO, ask
from tests.replies.due_replies import moment
from tests.replies.leased_replies import end, next_in_queue, speaking, taken, taken_over


async def test_a_worker_without_its_lease_cannot_write_or_end_a_reply(
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
        await second.begin()
        with pytest.raises(Lost):
            await first.begin()
        await second.say("반갑")
        with pytest.raises(Lost):
            await first.say("하세요")
        await second.commit(end(second))
        frames = [await socket.frame() for _ in range(3)]
    assert [(frame["hd"]["event"], frame["bd"].get("attempt"), frame["bd"]["text"]) for frame in frames] == [
        ("llm.streaming", 1, "안녕"),
        ("llm.streaming", 2, "반갑"),
        ("llm.response", 2, "반갑"),
    ]
    assert socket.written() == []


async def test_text_lost_in_a_failover_is_sent_again_with_the_next_piece(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(own_engine, sid, "worker")
    await leased.begin()
    for piece in ("안녕 ", "🙂", "하세요"):
        await leased.say(piece)
    text = keys.reply(sid, leased.job.reply) + ":text"
    async with joined(own_engine, sid) as socket:
        for kept, piece, offset in (("안녕 ", "!", 3), ("", " 반갑", 0)):
            said = leased.text
            queue.set(text, kept) if kept else queue.delete(text)
            await leased.say("")
            await leased.say(piece)
            shown = (await socket.frame())["bd"]
            assert (shown["offset"], shown["text"]) == (offset, said[offset:] + piece)
            assert queue.get(text) == leased.text == said + piece


async def test_a_reply_is_ended_once(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    await first.begin()
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    await second.commit(end(second))
    for leased in (first, second):
        with pytest.raises(Lost):
            await leased.commit(end(leased))
    assert [entry.participant for entry in await own_engine.stream.read(sid)] == ["user", "llm"]


async def test_a_hint_to_a_reply_that_has_ended_starts_nothing(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(own_engine, sid, "first")
    queue.srem(keys.replies(sid), leased.job.reply)
    with pytest.raises(Lost):
        await leased.begin()
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == []


async def test_a_hint_to_a_queued_reply_starts_nothing(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    in_line = await ask(own_engine, sid)
    early = LeasedReply(own_engine.shards.of(sid), "second", replace(first.job, reply=in_line, request=in_line[1:]))
    with pytest.raises(Lost):
        await early.begin()
    await first.begin()


async def test_duplicated_hints_start_a_reply_once(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    second = LeasedReply(own_engine.shards.of(sid), "second", first.job)
    begun = await asyncio.gather(first.begin(), second.begin(), return_exceptions=True)
    assert [type(each) for each in begun] == [type(None), Lost]
    assert first.attempt == 1


async def test_an_empty_piece_renews_the_lease(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await taken(own_engine, sid, "first")
    await leased.begin()
    queue.hset(keys.reply(sid, leased.job.reply), "leased_until", 1)
    await leased.say("")
    left = int(queue.hget(keys.reply(sid, leased.job.reply), "leased_until")) - moment(queue)
    assert 0 < left <= LEASE_SECONDS * 1000
    with pytest.raises(Lost):
        await LeasedReply(own_engine.shards.of(sid), "second", leased.job).begin()


async def test_a_worker_cannot_continue_a_cancelled_reply(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await taken(own_engine, sid, "first")
    await leased.begin()
    for piece in ('안녕 "친구"', "\n/\\ 😊\x7f"):
        await leased.say(piece)
    await own_engine.cancellation.cancel(sid, leased.job.reply)
    with pytest.raises(Lost):
        await leased.say("하세요")
    with pytest.raises(Lost):
        await leased.commit(end(leased))
    _, terminal = await own_engine.stream.read(sid)
    assert json.loads(terminal.body)["bd"] == {
        "reply_id": leased.job.reply,
        "request_id": leased.job.request,
        "text": leased.text,
        "finish_reason": "cancelled",
        "model": "demo",
        "usage": {},
    }
    assert (await own_engine.snapshots.take(sid)).replies == []


async def test_a_reply_whose_worker_is_dead_can_be_cancelled_at_once(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    dead = await speaking(own_engine, sid, "dead")
    waiting = await ask(own_engine, sid)
    await own_engine.cancellation.cancel(sid, dead.job.reply)
    terminal = (await own_engine.stream.read(sid))[-1]
    assert json.loads(terminal.body)["bd"]["text"] == "안녕"
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, waiting)]


async def test_a_reply_that_is_given_up_ends_with_its_visible_text(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    last = await speaking(own_engine, sid, "last")
    run_out(queue, sid, last.job.reply, deliveries=MOST_DELIVERIES)
    following = LeasedReply(own_engine.shards.of(sid), "next", last.job)
    with pytest.raises(GivenUp):
        await following.begin()
    assert following.error("failed", "").text == "안녕"


async def test_a_hand_over_queues_the_reply_and_does_not_count_as_a_delivery(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leaving = await speaking(own_engine, sid, "leaving")
    await leaving.hand_over()
    with pytest.raises(Lost):
        await leaving.say("하세요")
    staying = await next_in_queue(own_engine, sid, "staying")
    await staying.begin()
    assert staying.attempt == 2
    assert queue.hget(keys.reply(sid, staying.job.reply), "deliveries") == "1"
    await staying.commit(end(staying))


async def test_earlier_deliveries_still_count_after_a_hand_over(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    first = await speaking(own_engine, sid, "first")
    shard = own_engine.shards.of(sid)
    run_out(queue, sid, first.job.reply, deliveries=MOST_DELIVERIES - 1)
    leaving = LeasedReply(shard, "leaving", first.job)
    await leaving.begin()
    await leaving.hand_over()
    await LeasedReply(shard, "last", first.job).begin()
    run_out(queue, sid, first.job.reply)
    with pytest.raises(GivenUp):
        await LeasedReply(shard, "one too many", first.job).begin()


async def test_the_queue_skips_deleted_replies(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await taken(own_engine, sid, "first")
    gone, following = await ask(own_engine, sid), await ask(own_engine, sid)
    queue.srem(keys.replies(sid), gone)
    await leased.begin()
    await leased.commit(end(leased))
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, following)]


async def test_a_reply_ends_with_any_token_counts_of_the_provider(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await speaking(own_engine, sid, "worker")
    await leased.spend(10**400)
    await leased.commit(leased.response("안녕", "stop", "demo", Usage(input_tokens=10**400, output_tokens=3)))
    await posted(own_engine.shards.of(sid))
    assert queue.hgetall(keys.COUNTERS).get("tokens:output") == "3"
    assert queue.smembers(keys.replies(sid)) == set()
