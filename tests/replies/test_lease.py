"""Who has lost a reply to another worker writes nothing of it any more."""

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
from tests.replies.drafts import end, next_in_queue, speaking, taken, taken_over
from tests.replies.due_replies import moment


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
    text = keys.reply(sid, draft.job.reply) + ":text"
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


async def test_a_hint_at_a_reply_that_has_ended_begins_nothing(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(own_engine, sid, "first")
    queue.srem(keys.replies(sid), draft.job.reply)
    with pytest.raises(Lost):
        await draft.begin()
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == []


async def test_a_hint_at_a_reply_in_line_begins_nothing(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    in_line = await ask(own_engine, sid)
    early = LeasedReply(own_engine.shards.of(sid), "second", replace(first.job, reply=in_line, request=in_line[1:]))
    with pytest.raises(Lost):
        await early.begin()
    await first.begin()


async def test_two_hints_at_a_reply_begin_it_once(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "first")
    second = LeasedReply(own_engine.shards.of(sid), "second", first.job)
    begun = await asyncio.gather(first.begin(), second.begin(), return_exceptions=True)
    assert [type(each) for each in begun] == [type(None), Lost]
    assert first.attempt == 1


async def test_saying_nothing_renews_the_lease(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    await draft.begin()
    queue.hset(keys.reply(sid, draft.job.reply), "leased_until", 1)
    await draft.say("")
    left = int(queue.hget(keys.reply(sid, draft.job.reply), "leased_until")) - moment(queue)
    assert 0 < left <= LEASE_SECONDS * 1000
    with pytest.raises(Lost):
        await LeasedReply(own_engine.shards.of(sid), "second", draft.job).begin()


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


async def test_a_reply_whose_worker_is_dead_is_cancelled_at_once_with_what_was_said(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    dead = await speaking(own_engine, sid, "dead")
    waiting = await ask(own_engine, sid)
    await own_engine.cancellation.interrupt(sid, dead.job.reply, "cancelled")
    terminal = (await own_engine.stream.read(sid))[-1]
    assert json.loads(terminal.body)["bd"]["text"] == "안녕"
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, waiting)]


async def test_a_reply_that_is_given_up_ends_with_what_was_said_last(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    last = await speaking(own_engine, sid, "last")
    run_out(queue, sid, last.job.reply, deliveries=MOST_DELIVERIES)
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
    staying = await next_in_queue(own_engine, sid, "staying")
    await staying.begin()
    assert staying.attempt == 2
    assert queue.hget(keys.reply(sid, staying.job.reply), "deliveries") == "1"
    await staying.commit(end(staying))


async def test_workers_that_died_before_a_hand_over_are_counted_after_it(
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


async def test_the_line_goes_on_past_replies_that_are_gone(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await taken(own_engine, sid, "first")
    gone, following = await ask(own_engine, sid), await ask(own_engine, sid)
    queue.srem(keys.replies(sid), gone)
    await draft.begin()
    await draft.commit(end(draft))
    await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, following)]


async def test_a_reply_ends_whatever_a_provider_says_of_its_tokens(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await speaking(own_engine, sid, "worker")
    await draft.spend(10**400)
    await draft.commit(draft.response("안녕", "stop", "demo", Usage(input_tokens=10**400, output_tokens=3)))
    await posted(own_engine.shards.of(sid))
    assert queue.hgetall(keys.COUNTERS).get("tokens:output") == "3"
    assert queue.smembers(keys.replies(sid)) == set()
