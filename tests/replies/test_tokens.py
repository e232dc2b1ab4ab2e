"""The tokens of each attempt are counted once, even if responses of the store are lost."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import redis

from doqchat.engine import Engine
from doqchat.errors import Internal
from doqchat.replies import budget
from doqchat.replies.budget import counter_of_today
from doqchat.store import keys
from doqchat.store.script import Script
from doqchat.worker import leased_reply
from doqchat.worker.leased_reply import Lost
from tests import processes
from tests.hints import posted, queued
from tests.proxy import Proxy
from tests.replies.demo_requests import DEMO
from tests.replies.leased_replies import end, speaking, taken, taken_over


@pytest.fixture
async def proxy(own_store: processes.Store) -> AsyncIterator[Proxy]:
    """A proxy in front of the test's own store."""
    async with Proxy(f"127.0.0.1:{processes.port_of(own_store.url)}").serving() as proxy:
        yield proxy


@pytest.fixture
async def engine(own_store: processes.Store, proxy: Proxy, make_engine: Callable[..., Engine]) -> Engine:
    """An engine behind the proxy."""
    return make_engine(replace(own_store, url=f"redis://{proxy.address}/0"), aliases=("default", "demo"))


@pytest.fixture
def counted(queue: "redis.Redis") -> Callable[[], int]:
    return lambda: int(queue.get(counter_of_today()) or 0)


def lose(proxy: Proxy, queue: "redis.Redis", script: Script) -> None:
    """Lose the response to the next run of a script."""
    queue.script_load(script.text)
    proxy.losing = script.digest.encode()


async def test_tokens_are_counted_once_if_the_response_to_a_commit_is_lost(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    leased = await speaking(engine, sid, "worker")
    lose(proxy, queue, leased_reply._COMMIT)
    with pytest.raises(Lost):
        await leased.commit(end(leased))
    await leased.spend(30)
    await leased.spend(30)

    assert proxy.cuts == 1
    assert counted() == 30
    assert [entry.participant for entry in await engine.stream.read(sid)] == ["user", "llm"]


async def test_a_reply_is_queued_once_if_the_response_to_a_hand_over_is_lost(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    leased = await speaking(engine, sid, "worker")
    lose(proxy, queue, leased_reply._HAND_OVER)
    await leased.hand_over()

    assert proxy.cuts == 1
    await posted(engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, leased.job.reply)]


async def test_tokens_of_a_reply_that_was_ended_by_others_are_counted_once(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    leased = await speaking(engine, sid, "worker")
    await engine.cancellation.cancel(sid, leased.job.reply)
    lose(proxy, queue, budget._SPENT)
    await leased.spend(10)
    await leased.spend(10)

    assert proxy.cuts == 1
    assert counted() == 10


async def test_one_attempt_begins_if_the_response_to_a_begin_is_lost(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(engine, sid, "worker")
    lose(proxy, queue, leased_reply._BEGIN)
    await leased.begin()

    assert proxy.cuts == 1
    assert leased.attempt == 1
    assert queue.hget(keys.COUNTERS, "restarts") is None


async def test_each_attempt_counts(
    own_engine: Engine, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    first = await speaking(own_engine, sid, "first")
    second = taken_over(own_engine, queue, first, "second")
    await second.begin()
    with pytest.raises(Lost):
        await first.say("!")
    await first.spend(5)
    await second.spend(7)

    assert counted() == 12
    assert 0 < queue.ttl(keys.counted(counter_of_today(), sid, first.job.reply, 1)) <= 3600


async def test_an_attempt_without_tokens_leaves_no_key(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await speaking(own_engine, sid, "worker")
    await leased.spend(0)

    assert queue.keys("*llm:tokens:*") == []


async def test_unreadable_counters_do_not_stop_a_reply(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await speaking(own_engine, sid, "worker")
    queue.set(counter_of_today(), "not a number")
    queue.set(keys.COUNTERS, "not a hash")
    await leased.commit(end(leased))
    with pytest.raises(Internal):
        await leased.spend(1)

    assert queue.smembers(keys.replies(sid)) == set()
