"""Invalid data in the store affects only its own session."""

from collections.abc import Callable

import pytest
import redis

from doqchat.engine import Engine
from doqchat.store import keys
from doqchat.worker import leased_reply, sweeper
from tests import processes
from tests.fanout.conftest import joined
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of
from tests.replies.working import answered, ask, working

QUEUE = keys.queue("default")
ID = "1700641234567-0"


@pytest.mark.parametrize(
    "member",
    [
        "",
        " ",
        f" r{ID}",
        f"../../etc r{ID}",
        f"a}}b{{c r{ID}",
        f"{'x' * 100_000} r{ID}",
        b"\xff\xfe\x00 r1-1",
        "x r0",
        "x not an id",
        "x r99999999999999999999999-0",
        "x",
        f"x {ID}",
        f"x r{ID}-x",
        f"unknown r{ID}",
        f"x r{ID}-٣",
    ],
)
async def test_an_invalid_job_is_removed_from_the_queue_and_delays_no_others(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str, member: str
) -> None:
    engine = make_engine(own_store, CONCURRENCY=1)
    queue.zadd(QUEUE, {member: 0})
    async with working(engine):
        await ask(engine, sid, "안녕")
        assert (await answered(engine, sid))["hd"]["event"] == "llm.response"
    assert queue.zscore(QUEUE, member) is None
    assert queue.keys(f"*{ID}*") == []


@pytest.mark.parametrize("key", ["reply:{reply}", "reply:{reply}:text", "reply:{reply}:before", "settings", "dead"])
async def test_a_key_of_the_wrong_type_affects_only_its_reply(
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


async def test_a_reply_that_an_invalid_key_prevents_ends_in_an_error_without_its_cause(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    reply = await ask(engine, sid, "안녕")
    queue.rpush(f"{keys.reply(sid, reply)}:text", "a list")
    async with working(engine):
        end = await answered(engine, sid)
    assert end["hd"]["event"] == "llm.error"
    assert (end["bd"]["code"], end["bd"]["message"]) == ("failed", "Internal error; see the server's log.")


@pytest.mark.parametrize("key", [keys.replies, keys.stream])
async def test_a_session_with_keys_of_the_wrong_type_delays_no_others(
    monkeypatch: pytest.MonkeyPatch,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
    key: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.1)
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


async def test_an_automatic_reply_that_cannot_be_started_delays_no_others(
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


async def test_malformed_notifications_interrupt_no_reply(
    own_store: processes.Store, queue: "redis.Redis", make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    async with joined(engine, sid) as socket, working(engine):
        reply = await ask(engine, sid, "[[pieces=20 pace=0.05]]")
        await end_of(socket, "llm.streaming")
        for payload in (
            b"",
            b"x",
            b"\xff\xff",
            b"a b c d",
            f"cancelled other {reply}".encode(),
            b"cancelled",
            b"queued",
            b"queued unknown",
            b" " * 100,
        ):
            assert queue.publish(keys.workers_channel(0), payload) == 1
        assert (await end_of(socket, *ENDS))["bd"]["finish_reason"] == "stop"
