"""The tokens of each attempt at a reply are counted once, whatever becomes of the reply and of the store's answers."""

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
from doqchat.worker import leased_reply as drafts
from doqchat.worker.leased_reply import Lost
from tests import processes
from tests.hints import posted, queued
from tests.proxy import Proxy
from tests.replies.demo_requests import DEMO
from tests.replies.drafts import end, speaking, taken, taken_over


@pytest.fixture
async def proxy(own_store: processes.Store) -> AsyncIterator[Proxy]:
    """Leads to the test's own store."""
    async with Proxy(f"127.0.0.1:{processes.port_of(own_store.url)}").serving() as proxy:
        yield proxy


@pytest.fixture
async def engine(own_store: processes.Store, proxy: Proxy, make_engine: Callable[..., Engine]) -> Engine:
    """An engine whose connections can be cut."""
    return make_engine(replace(own_store, url=f"redis://{proxy.address}/0"), aliases=("default", "demo"))


@pytest.fixture
def counted(queue: "redis.Redis") -> Callable[[], int]:
    return lambda: int(queue.get(counter_of_today()) or 0)


def lose(proxy: Proxy, queue: "redis.Redis", script: Script) -> None:
    """Lose the answer to the next run of a script."""
    queue.script_load(script.text)
    proxy.losing = script.digest.encode()


async def test_a_reply_whose_end_was_stored_and_not_confirmed_is_counted_once(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    draft = await speaking(engine, sid, "worker")
    lose(proxy, queue, drafts._COMMIT)
    with pytest.raises(Lost):
        await draft.commit(end(draft))
    await draft.spend(30)
    await draft.spend(30)

    assert proxy.cuts == 1
    assert counted() == 30
    assert [entry.participant for entry in await engine.stream.read(sid)] == ["user", "llm"]


async def test_a_hand_over_that_was_not_confirmed_queues_the_reply_once(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    draft = await speaking(engine, sid, "worker")
    lose(proxy, queue, drafts._HAND_OVER)
    await draft.hand_over()

    assert proxy.cuts == 1
    await posted(engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, draft.job.reply)]


async def test_what_was_used_for_a_reply_that_others_have_ended_is_counted_once(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str, counted: Callable[[], int]
) -> None:
    draft = await speaking(engine, sid, "worker")
    await engine.cancellation.interrupt(sid, draft.job.reply, "cancelled")
    lose(proxy, queue, budget._SPENT)
    await draft.spend(10)
    await draft.spend(10)

    assert proxy.cuts == 1
    assert counted() == 10


async def test_a_beginning_that_was_not_confirmed_begins_one_attempt(
    engine: Engine, proxy: Proxy, queue: "redis.Redis", sid: str
) -> None:
    draft = await taken(engine, sid, "worker")
    lose(proxy, queue, drafts._BEGIN)
    await draft.begin()

    assert proxy.cuts == 1
    assert draft.attempt == 1
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


async def test_an_attempt_that_has_used_nothing_leaves_nothing(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await speaking(own_engine, sid, "worker")
    await draft.spend(0)

    assert queue.keys("*llm:tokens:*") == []


async def test_counters_that_cannot_be_changed_stop_no_reply(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    draft = await speaking(own_engine, sid, "worker")
    queue.set(counter_of_today(), "not a number")
    queue.set(keys.COUNTERS, "not a hash")
    await draft.commit(end(draft))
    with pytest.raises(Internal):
        await draft.spend(1)

    assert queue.smembers(keys.replies(sid)) == set()
