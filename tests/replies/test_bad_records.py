"""A record in the store that is not what it should be costs its own session at most: others are answered."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from doqchat.engine import Engine
from doqchat.store import keys
from doqchat.worker import fetch_loop as takers
from doqchat.worker import queue as jobs
from doqchat.worker.leased_reply import LeasedReply, Lost
from tests import processes
from tests.fanout.conftest import joined
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import JOBS, end_of
from tests.replies.drafts import end, speaking
from tests.replies.working import answered, ask, working

QUEUE = keys.queue("default")
ID = "1700641234567-0"
GOOD = {"sid": "x", "request": ID, "reply": f"r{ID}", "llm": "default", "auto": "0"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sid": ""},
        {"sid": "../../etc"},
        {"sid": "a}b{c"},
        {"sid": "x" * 100_000},
        {"sid": b"\xff\xfe\x00"},
        {"request": "0"},
        {"request": "not an id"},
        {"request": "99999999999999999999999-0", "reply": "r99999999999999999999999-0"},
        {"reply": ""},
        {"reply": ID},
        {"reply": f"r{ID}-x"},
        {"reply": "r1-1"},
        {"reply": f"r{ID}", "sid": "unknown"},
        {"reply": f"r{ID}-٣"},
    ],
)
async def test_an_entry_that_is_no_job_leaves_the_queue_and_delays_nobody(
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
    wrong: dict[str, Any],
) -> None:
    engine = make_engine(own_store, CONCURRENCY=1)
    for _ in range(3):
        queue.xadd(QUEUE, GOOD | wrong)
    async with working(engine):
        await ask(engine, sid, "안녕")
        assert (await answered(engine, sid))["hd"]["event"] == "llm.response"
    assert (queue.xlen(QUEUE), queue.xpending(QUEUE, keys.WORKERS)["pending"]) == (0, 0)
    assert queue.keys(f"*{ID}*") == []


async def test_a_second_entry_for_a_reply_begins_nothing(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    draft = await speaking(own_engine, sid, "first")
    ((_, job),) = queue.xrange(JOBS)
    stray = queue.xadd(JOBS, job)
    queue.xreadgroup(keys.WORKERS, "second", {JOBS: ">"})
    shard = own_engine.shards.of(sid)
    second = LeasedReply(shard, "second", jobs.Job(str(stray), sid, draft.job.request, draft.job.reply, "demo"))
    with pytest.raises(Lost):
        await second.begin()
    await draft.say("!")
    await draft.commit(end(draft))
    assert queue.xlen(JOBS) == 0


@pytest.mark.parametrize(
    "key", ["reply:{reply}", "reply:{reply}:text", "reply:{reply}:before", "settings", "spent:{reply}:1"]
)
async def test_a_key_of_a_reply_that_holds_something_else_costs_that_reply_at_most(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str, key: str
) -> None:
    engine = make_engine(own_store)
    reply = await ask(engine, sid, "안녕")
    key = keys.own(sid) + key.format(reply=reply)
    queue.delete(key)
    queue.rpush(key, "a list")
    async with working(engine):
        assert (await answered(engine, sid))["bd"]["reply_id"] == reply
        queue.delete(key)
        await ask(engine, f"{sid}-2", "안녕")
        assert (await answered(engine, f"{sid}-2"))["hd"]["event"] == "llm.response"
    assert queue.scard(keys.replies(sid)) == 0
    assert queue.xlen(QUEUE) == 0


@pytest.mark.parametrize("key", [keys.replies, keys.stream])
async def test_a_session_whose_keys_hold_something_else_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
    key: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(takers, "LOOK_SECONDS", 0.1)
    engine = make_engine(own_store, CONCURRENCY=1)
    await ask(engine, sid, "안녕")
    queue.delete(key(sid))
    queue.set(key(sid), "text")
    async with working(engine):
        for number in range(3):
            await ask(engine, f"{sid}-{number}", "안녕")
            assert (await answered(engine, f"{sid}-{number}"))["hd"]["event"] == "llm.response"
        assert "cannot be ended" in caplog.text
    assert "never retrieved" not in caplog.text


async def test_an_automatic_reply_that_cannot_be_started_delays_no_other(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    for number, member in enumerate([f"{sid}-bad", "no name of a session", "", "{x}", "a" * 10_000]):
        queue.set(f"{keys.own(member)}due", "text")
        queue.zadd(keys.DUE, {member: number})
    await engine.settings.change(sid, {"policy": "always"})
    async with joined(engine, sid) as socket, working(engine):
        said = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hello"}}'
        await engine.stream.append(sid, "A", said, manner="said")
        assert (await end_of(socket, *ENDS))["hd"]["event"] == "llm.response"
        assert queue.zcard(keys.DUE) == 0


async def test_what_is_no_interruption_interrupts_nothing(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    async with joined(engine, sid) as socket, working(engine):
        reply = await ask(engine, sid, "[[pieces=20 pace=0.05]]")
        await end_of(socket, "llm.streaming")
        for payload in (b"", b"x", b"\xff\xff", b"a b c d", f"other {reply}".encode(), b" " * 100):
            assert queue.publish(keys.interruptions(0), payload) == 1
        assert (await end_of(socket, *ENDS))["bd"]["finish_reason"] == "stop"
