"""Requests to a model that no worker serves end in an error, unless a worker starts in time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.replies import backlog
from doqchat.store import keys
from doqchat.submission import submit
from doqchat.worker import sweeper, unserved
from tests import processes
from tests.chat.fetch import fetch
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out, said_long_ago
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, ask, end_of
from tests.replies.due_replies import moment
from tests.replies.exposition import numbers
from tests.replies.leased_replies import end, speaking, taken
from tests.replies.working import answered, working

SOON = {"WAITED_SECONDS": 0.6, "CONFIRM_SECONDS": 0.2, "LOOK_SECONDS": 0.1}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts."""
    for name, seconds in SOON.items():
        monkeypatch.setattr(unserved, name, seconds)
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.1)


@pytest.fixture
def lonely_web(own_store: processes.Store, django_db_setup: None) -> Iterator[processes.Web]:
    """A web process without workers."""
    with processes.web(DOQCHAT_REDIS_URL=own_store.url) as web:
        yield web


@asynccontextmanager
async def watched(engine: Engine) -> AsyncIterator[None]:
    """Run the background task of web processes."""
    watching = asyncio.create_task(unserved.watch(engine))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def say(engine: Engine, sid: str, text: str) -> str:
    return (
        await submit(
            engine, open_access(sid), from_data({"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": text}})
        )
    ).id


def event_and_code(error: Any) -> tuple[str, str]:
    return error["hd"]["event"], error["bd"]["code"]


def test_an_unserved_request_ends_within_ten_seconds() -> None:
    seen = unserved.CONFIRM_SECONDS + 2 * unserved.LOOK_SECONDS
    assert backlog.SEEN_SECONDS < unserved.CONFIRM_SECONDS
    assert unserved.WAITED_SECONDS + unserved.LOOK_SECONDS < 10
    assert backlog.GONE_SECONDS + seen < 10


@pytest.mark.slow
async def test_all_unserved_requests_end_in_one_error_each_and_are_not_answered_later(
    soon: None, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    replies = [await ask(own_engine, sid) for _ in range(3)]
    async with joined(own_engine, sid) as socket, watched(own_engine):
        errors = [await end_of(socket, *ENDS) for _ in replies]
        async with working(own_engine):
            later = await ask(own_engine, sid)
            answer = await end_of(socket, *ENDS)

    assert [(event_and_code(error), error["bd"]["reply_id"]) for error in errors] == [
        (("llm.error", "no_worker"), reply) for reply in replies
    ]
    assert (answer["hd"]["event"], answer["bd"]["reply_id"]) == ("llm.response", later)
    assert (queued(queue, DEMO), (await own_engine.snapshots.take(sid)).replies) == ([], [])


async def test_a_request_whose_only_worker_died_ends_with_its_text_so_far(
    soon: None, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(own_engine, sid, "dead")
    await leased.begin()
    await leased.say("Half an ans")
    run_out(queue, sid, leased.job.reply)
    async with watched(own_engine):
        error = await answered(own_engine, sid)

    assert (event_and_code(error), error["bd"]["text"]) == (("llm.error", "no_worker"), "Half an ans")


async def test_a_request_with_a_slow_worker_is_not_ended(soon: None, own_engine: Engine, sid: str) -> None:
    leased = await taken(own_engine, sid, "busy")
    await leased.begin()
    async with watched(own_engine), asyncio.timeout(10):
        for _ in range(15):
            await leased.say("")  # renews the lease
            await asyncio.sleep(SOON["LOOK_SECONDS"])
        await leased.commit(end(leased))
    assert (await answered(own_engine, sid))["hd"]["event"] == "llm.response"


@pytest.mark.parametrize("policy", ["mention", "always"])
async def test_an_automatic_reply_that_no_worker_starts_ends_in_an_error(
    soon: None, own_engine: Engine, queue: "redis.Redis", sid: str, policy: str
) -> None:
    await own_engine.settings.change(sid, {"policy": policy})
    async with joined(own_engine, sid) as socket, watched(own_engine):
        said = await say(own_engine, sid, "@llm hello")
        error = await end_of(socket, *ENDS)

    assert (event_and_code(error), error["bd"]["request_id"]) == (("llm.error", "no_worker"), said)
    await posted(own_engine.shards.of(sid))
    assert not queue.exists(keys.due(sid))  # the index is only a hint, and may be written twice


async def test_requests_and_automatic_replies_do_not_end_before_they_have_waited(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    async def writers() -> list[list[str]]:
        await watching.look()
        return [[entry.participant for entry in await own_engine.stream.read(each)] for each in (sid, automatic)]

    monkeypatch.setattr(unserved, "CONFIRM_SECONDS", 0)
    shard, automatic = own_engine.shards.of(sid), f"{sid}-2"
    await ask(own_engine, sid)
    await say(own_engine, automatic, "@llm hello")
    await posted(shard)
    said_long_ago(queue, automatic, moment(queue) - 1)
    watching = unserved.Unserved(own_engine, shard)
    assert await writers() == [["user"], ["A"]]
    monkeypatch.setattr(unserved, "WAITED_SECONDS", 0)
    assert await writers() == [["user", "llm"], ["A", "llm"]]


async def test_a_reply_with_a_lease_is_not_ended_because_of_a_hint_in_the_queue(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    monkeypatch.setattr(unserved, "CONFIRM_SECONDS", 0)
    monkeypatch.setattr(unserved, "WAITED_SECONDS", 0)
    shard, leased = own_engine.shards.of(sid), await speaking(own_engine, sid, "busy")
    queue.zadd(keys.queue(DEMO), {f"{sid} {leased.job.reply}": 1})
    await unserved.Unserved(own_engine, shard).look()
    await posted(shard)
    assert queued(queue, DEMO) == []
    await leased.commit(end(leased))
    assert (await answered(own_engine, sid))["hd"]["event"] == "llm.response"


async def test_a_queue_of_the_wrong_type_does_not_block_others(
    soon: None, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    for alias in "abc":
        queue.sadd(keys.MODELS, alias)
        queue.set(keys.queue(alias), "text")
    queue.zadd(keys.queue(DEMO), {"not/a/session r1-0": 1})
    await ask(own_engine, sid)
    async with watched(own_engine):
        assert event_and_code(await answered(own_engine, sid)) == ("llm.error", "no_worker")


@pytest.mark.slow
async def test_readyz_and_metrics_name_models_without_a_worker_and_the_longest_wait(
    own_store: processes.Store, own_engine: Engine, lonely_web: processes.Web, sid: str
) -> None:
    await ask(own_engine, sid)
    await asyncio.sleep(0.1)  # the age of the request is asserted below
    alone, counted = fetch(lonely_web, "/readyz"), numbers(fetch(lonely_web, "/metrics"))
    with processes.llm_worker(own_store.url):
        served = fetch(lonely_web, "/readyz")

    assert (alone.status, alone.json["status"], alone.json["workers"][DEMO]) == (200, "ok", 0)
    assert counted[f"doqchat_llm_workers {DEMO}"] == 0
    assert 0.1 <= counted[f"doqchat_oldest_waiting_seconds {DEMO}"] < 60
    assert served.json["workers"] == {"demo": 1, "default": 1}


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_a_web_process_alone_ends_unserved_requests(
    own_engine: Engine, own_store: processes.Store, django_db_setup: None, sid: str, server: str
) -> None:
    await ask(own_engine, sid)
    settings = {"DJANGO_SETTINGS_MODULE": "tests.replies.short_wait", "DOQCHAT_REDIS_URL": own_store.url}
    with processes.web(server, **settings):
        assert event_and_code(await answered(own_engine, sid)) == ("llm.error", "no_worker")
