"""The visible text of a reply that another worker restarts."""

import json

import pytest
import redis

from doqchat.engine import Engine
from doqchat.store import keys
from tests.replies.leased_replies import speaking, taken, taken_over


async def test_a_client_that_joins_a_restarted_reply_sees_the_same_text_as_the_others(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    first = await taken(own_engine, sid, "first")
    await first.begin()
    await first.say("안녕")
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    (reply,) = (await own_engine.snapshots.take(sid)).replies
    assert (reply.attempt, reply.state, reply.text) == (1, "waiting", "안녕")
    await second.say("hello")
    (reply,) = (await own_engine.snapshots.take(sid)).replies
    assert (reply.attempt, reply.state, reply.text) == (2, "streaming", "hello")


@pytest.mark.parametrize(
    ("said", "kept"), [([], "안녕"), ([""], "안녕"), (["hello", " there"], "hello there")], ids=["none", "empty", "two"]
)
async def test_a_reply_that_ends_early_keeps_its_visible_text_of_any_attempt(
    own_engine: Engine, queue: "redis.Redis", sid: str, said: list[str], kept: str
) -> None:
    first = await speaking(own_engine, sid, "first")
    silent = taken_over(own_engine, queue, first, "silent")
    await silent.begin()
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    for piece in said:
        await second.say(piece)
    assert second.error("failed", "").text == kept
    await own_engine.cancellation.cancel(sid, first.job.reply)
    *_, (_, fields) = queue.xrange(keys.stream(sid))
    assert json.loads(fields["body"])["bd"]["text"] == kept
    assert queue.keys(f"{keys.own(sid)}reply:*") == []
