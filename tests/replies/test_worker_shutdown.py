"""A worker can be stopped at any moment."""

import asyncio
import signal
from contextlib import ExitStack

import pytest
import redis

from doqchat.engine import Engine
from doqchat.serving.shutdown import SHUTDOWN_SECONDS
from doqchat.store import keys
from doqchat.worker.worker import Worker
from tests import processes
from tests.fanout.conftest import joined
from tests.hints import queued
from tests.replies.conftest import Site
from tests.replies.demo_requests import end_of
from tests.replies.working import ask

pytestmark = pytest.mark.slow

WORKERS = 100


async def test_a_worker_can_be_stopped_at_any_moment(own_engine: Engine) -> None:
    async def work_for(seconds: float) -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(Worker(own_engine).run(stop))
        await asyncio.sleep(seconds)
        stop.set()
        await working

    async with asyncio.timeout(3 * SHUTDOWN_SECONDS):
        for _ in range(4):
            await asyncio.gather(*(work_for(number / 50) for number in range(WORKERS // 4)))


@pytest.mark.parametrize("alias", ["gemini", "gemini-legacy"])
@pytest.mark.parametrize("script", ["silent=1", "hang=2", "pieces=10000 pace=0.02"])
async def test_a_worker_that_is_stopped_hands_over_replies_that_do_not_end(
    whole_site: Site,
    own_engine: Engine,
    own_store: processes.Store,
    queue: "redis.Redis",
    sid: str,
    script: str,
    alias: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("doqchat.submission.llms", {alias: None})  # only submits requests
    settings = {**whole_site.environment, "DJANGO_SETTINGS_MODULE": "tests.replies.short_grace"}
    with processes.llm_worker(own_store.url, **settings) as worker:
        reply = await ask(own_engine, sid, f"[[{script}]] {sid}", alias)
        await asyncio.to_thread(worker.wait_until, lambda: bool(whole_site.calls(sid)))
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait) == 0
    assert queued(queue, alias) == [(sid, reply)]
    assert queue.hmget(keys.reply(sid, reply), "lease", "deliveries") == [None, "0"]


async def test_a_worker_can_be_stopped_while_the_store_is_frozen(
    whole_site: Site, own_engine: Engine, own_store: processes.Store, sid: str
) -> None:
    settings = {**whole_site.environment, "DJANGO_SETTINGS_MODULE": "tests.replies.short_grace"}
    with ExitStack() as stack:
        worker = stack.enter_context(processes.llm_worker(own_store.url, **settings))
        async with joined(own_engine, sid) as socket:
            await ask(own_engine, sid, "[[pieces=1000 pace=0.02]]")
            await end_of(socket, "llm.streaming")
            own_store.process.send_signal(signal.SIGSTOP)
            stack.callback(own_store.process.send_signal, signal.SIGCONT)
            worker.send_signal(signal.SIGTERM)
            worker.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.wait) == 0
            own_store.process.send_signal(signal.SIGCONT)
