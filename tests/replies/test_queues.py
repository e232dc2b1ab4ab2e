"""Each model has a queue of its own: requests wait for those to the same model, and for no others."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import redis
from django.test import override_settings

from doqchat.engine import Engine
from doqchat.replies import answers
from doqchat.replies.jobs import Jobs
from doqchat.store import keys
from tests import processes
from tests.fanout.conftest import joined
from tests.replies.conftest import AT_ONCE, Site
from tests.replies.conversation import ENDS
from tests.replies.test_waiting import end_of
from tests.replies.test_worker import answered, ask, working

HANGING, WELL = "hanging", "default"
SILENT = "[[silent=1]]"


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are told to go do not wait for a provider that hangs."""
    monkeypatch.setattr(answers, "GRACE_SECONDS", 0.1)


@pytest.fixture
def worker(own_store: processes.Store) -> Iterator[processes.Process]:
    """A worker in a process of its own, with the project's models."""
    with processes.llm_worker(own_store.url) as worker:
        yield worker


async def hang(site: Site, engine: Engine, sid: str, requests: int) -> None:
    """Have so many requests wait for a provider that says nothing, each in a session of its own."""
    for number in range(requests):
        await ask(engine, f"{sid}-{number}", f"{SILENT} {sid}", HANGING)
    async with asyncio.timeout(15):
        while len(await asyncio.to_thread(site.calls, sid)) < requests:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)


async def taken(engine: Engine, sid: str, prompt: str, alias: str) -> str:
    """The job of a new request that a worker has which does nothing."""
    await ask(engine, sid, prompt, alias)
    jobs = Jobs(engine.shards.of(sid), alias, "dead")
    await jobs.prepare()
    job = await jobs.take()
    assert job is not None
    return job.id


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_model_that_hangs_delays_nobody_who_asks_another(
    no_grace: None,
    whole_site: Site,
    own_store: processes.Store,
    make_engine: Callable[..., Engine],
    sid: str,
    workers: int,
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(working(engine))
        await hang(whole_site, engine, sid, workers * AT_ONCE)
        await ask(engine, f"{sid}-waits", SILENT, HANGING)
        await ask(engine, sid, "[[pieces=2]]", WELL)
        assert (await answered(engine, sid))["bd"]["finish_reason"] == "stop"


async def test_a_request_that_one_worker_has_no_slot_for_is_taken_by_another(
    no_grace: None, whole_site: Site, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    async with working(engine):
        await hang(whole_site, engine, sid, AT_ONCE)
        await ask(engine, sid, "[[pieces=2]]", HANGING)
        async with working(engine):
            assert (await answered(engine, sid))["bd"]["finish_reason"] == "stop"


async def test_what_a_dead_worker_has_left_is_taken_over_though_another_model_hangs(
    no_grace: None,
    whole_site: Site,
    own_store: processes.Store,
    queue: "redis.Redis",
    make_engine: Callable[..., Engine],
    sid: str,
) -> None:
    engine = make_engine(own_store, aliases=(WELL, HANGING))
    dead = {alias: await taken(engine, f"{sid}-{alias}", "[[pieces=2]]", alias) for alias in (HANGING, WELL)}
    async with working(engine):
        await hang(whole_site, engine, sid, AT_ONCE)
        for alias, job in dead.items():
            queue.xclaim(keys.queue(alias), keys.WORKERS, "dead", 0, [job], idle=60_000)
        assert (await answered(engine, f"{sid}-{WELL}"))["bd"]["finish_reason"] == "stop"


async def test_requests_that_are_there_before_any_worker_are_answered(
    own_engine: Engine, own_store: processes.Store, sid: str
) -> None:
    for alias in ("demo", "default"):
        await ask(own_engine, f"{sid}-{alias}", "안녕", alias)
    with processes.llm_worker(own_store.url):
        for alias in ("demo", "default"):
            assert (await answered(own_engine, f"{sid}-{alias}"))["hd"]["event"] == "llm.response"


async def test_a_request_to_a_model_that_was_removed_since_ends_in_an_error(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    with override_settings(LLMS={"removed": {"BACKEND": "doqchat.llm.demo.DemoLLM"}}):
        await ask(own_engine, sid, "안녕", "removed")
    with processes.llm_worker(own_store.url):
        error = await answered(own_engine, sid)
    assert (error["hd"]["event"], error["bd"]["code"]) == ("llm.error", "not_configured")
    assert queue.xlen(keys.queue("removed")) == 0


async def test_a_model_that_a_worker_first_hears_of_from_a_request_is_served(
    own_engine: Engine, worker: processes.Process, sid: str
) -> None:
    with override_settings(LLMS={"new": {"BACKEND": "doqchat.llm.demo.DemoLLM"}}):
        async with joined(own_engine, sid) as socket:
            for _ in range(2):
                await ask(own_engine, sid, "안녕", "new")
                assert (await end_of(socket, *ENDS))["bd"]["code"] == "not_configured"
