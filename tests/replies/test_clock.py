"""The clock of a store may be set back; then stored times are in the future."""

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.errors import RateLimited
from doqchat.protocol.frames import from_data
from doqchat.store import keys
from doqchat.submission import submit
from doqchat.worker import automatic_replies as due
from tests.hints import posted, said_long_ago
from tests.replies.demo_requests import ask
from tests.replies.due_replies import automatic_replies, moment

AN_HOUR_MS = 3_600_000


async def test_requests_from_before_the_clock_was_set_back_do_not_count(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    most = own_engine.limits.requests_per_minute
    assert most is not None
    asked = f"{keys.own(sid)}asked"
    queue.rpush(asked, *[moment(queue) + AN_HOUR_MS] * most)
    await ask(own_engine, sid)
    queue.delete(asked)
    queue.rpush(asked, *[moment(queue)] * most)
    with pytest.raises(RateLimited):
        await ask(own_engine, sid)


async def test_an_automatic_reply_scheduled_before_the_clock_was_set_back_starts(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await submit(
        own_engine, open_access(sid), from_data({"hd": {"event": "chat.message"}, "bd": {"text": "@llm 안녕"}})
    )
    later = moment(queue) + AN_HOUR_MS
    await posted(own_engine.shards.of(sid))
    said_long_ago(queue, sid, later)
    await automatic_replies(own_engine, sid).start(1)
    assert [reply.state for reply in (await own_engine.snapshots.take(sid)).replies] == ["waiting"]
    await posted(own_engine.shards.of(sid))
    assert queue.zcard(keys.DUE) == 0


async def test_messages_during_a_reply_are_answered_after_a_pause(
    own_engine: Engine, queue: "redis.Redis", sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "DEBOUNCE_MS", AN_HOUR_MS)
    await own_engine.settings.change(sid, {"policy": "always"})
    talking = await ask(own_engine, sid)
    await submit(own_engine, open_access(sid), from_data({"hd": {"event": "chat.message"}, "bd": {"text": "and this"}}))
    await posted(own_engine.shards.of(sid))
    said_long_ago(queue, sid, 1)
    before = moment(queue)
    await own_engine.cancellation.cancel(sid, talking)
    await automatic_replies(own_engine, sid).start(1)
    assert (await own_engine.snapshots.take(sid)).replies == []
    await posted(own_engine.shards.of(sid))
    assert before + AN_HOUR_MS <= queue.zscore(keys.DUE, sid) <= moment(queue) + AN_HOUR_MS
