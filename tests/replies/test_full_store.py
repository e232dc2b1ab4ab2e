"""A full store refuses new messages, but accepted requests are answered and everything can be read."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
import redis

from chat.monitoring.health import ROOM_BYTES
from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.errors import Unavailable
from doqchat.limits.requests import RequestLimits
from doqchat.protocol.frames import parse
from doqchat.replies.budget import TokenBudget, counter_of_today
from doqchat.store import keys
from doqchat.submission import submit
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.queue import Queue
from doqchat.worker.sweeper import Sweeper
from tests import processes
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out, said_long_ago
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, ask, end_of
from tests.replies.leased_replies import end, speaking, taken
from tests.store.refusing import fail_disk, fill, make_room, mend_disk, valkey_that_cannot_save

HI = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hi"}}'


def stored(queue: "redis.Redis", sid: str) -> list[Any]:
    return [json.loads(fields["body"]) for _, fields in queue.xrange(keys.stream(sid))]


async def test_a_stored_message_is_a_duplicate_and_a_new_one_is_refused(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    known, new = (parse(HI.replace('"role"', f'"msg_id":"{msg_id}","role"')) for msg_id in ("m1", "m2"))
    first = await submit(own_engine, open_access(sid), known)
    fill(queue)
    assert (await submit(own_engine, open_access(sid), known)).id == first.id
    with pytest.raises(Unavailable):
        await submit(own_engine, open_access(sid), new)
    assert queue.xlen(keys.stream(sid)) == 1


async def test_a_session_can_be_joined_read_and_left_while_the_store_is_full(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    said = await submit(own_engine, open_access(sid), parse(HI))
    fill(queue)
    async with joined(own_engine, sid, since="0-0", v1=True) as socket:
        assert (await end_of(socket, "chat.message"))["hd"]["id"] == said.id
        snapshot = await own_engine.snapshots.take(sid, "A:1")
        assert snapshot.present.members == {"A": 1}
        assert (await own_engine.presence.add(sid, ["A:1", "B:2"])).members == {"A": 1, "B": 1}
        assert (await own_engine.presence.remove(sid, ["A:1"])).members == {"B": 1}
        assert await own_engine.read_receipts.mark(sid, "A", said.id)
    assert await own_engine.stream.gap(sid, said.id) is None
    assert await own_engine.participants.counts(sid) == {"A": 1}
    assert len(await own_engine.stream.read_back(sid)) == 1


async def test_settings_cannot_be_changed_while_the_store_is_full(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    before = await own_engine.settings.of(sid)
    fill(queue)
    with pytest.raises(Unavailable):
        await own_engine.settings.change(sid, {"policy": "", "system": "x" * 8_000})
    assert await own_engine.settings.of(sid) == before


async def test_a_reply_is_completed_while_the_store_is_full(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    shard = own_engine.shards.of(sid)
    leased = await taken(own_engine, sid, "worker")
    fill(queue)
    await leased.begin()
    await leased.say("안녕")
    await leased.hand_over()
    await posted(shard)
    job = await Queue(shard, DEMO, "another").take()
    assert job is not None
    await leased.spend(5)
    assert queue.get(counter_of_today()) == "5"
    again = type(leased)(shard, "another", job)
    await again.begin()
    await again.say("하세요")
    await again.commit(end(again))
    assert stored(queue, sid)[-1]["bd"]["text"] == "하세요"
    assert queue.smembers(keys.replies(sid)) == set()


async def test_a_reply_can_be_cancelled_while_the_store_is_full(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await speaking(own_engine, sid, "worker")
    fill(queue)
    await own_engine.cancellation.cancel(sid, leased.job.reply)
    assert stored(queue, sid)[-1]["bd"]["finish_reason"] == "cancelled"


async def test_the_reply_of_a_dead_worker_is_queued_again_while_the_store_is_full(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await speaking(own_engine, sid, "dead")
    await posted(own_engine.shards.of(sid))
    run_out(queue, sid, leased.job.reply)
    fill(queue)
    sweeper = Sweeper(own_engine.shards.of(sid))
    for _ in range(2):
        await sweeper.sweep()
        await posted(own_engine.shards.of(sid))
    assert queued(queue, DEMO) == [(sid, leased.job.reply)]


async def test_a_due_automatic_reply_starts_while_the_store_is_full(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await own_engine.settings.change(sid, {"policy": "always"})
    said = await submit(own_engine, open_access(sid), parse(HI))
    await posted(own_engine.shards.of(sid))
    said_long_ago(queue, sid)
    fill(queue)
    shard, budget = own_engine.shards.of(sid), TokenBudget(own_engine.shards, None)
    await AutomaticReplies(shard, RequestLimits(), budget, own_engine.clients).start(1)
    assert queue.smembers(keys.replies(sid)) == {f"r{said.id}"}


async def test_a_worker_answers_queued_requests_and_logs_once_that_the_store_is_full(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    with processes.llm_worker(own_store.url):
        pass  # registers the model's queue in the store
    await ask(own_engine, sid)
    fill(queue)
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            assert (await end_of(socket, *ENDS))["bd"]["finish_reason"] == "stop"


def refusals(client: "redis.Redis") -> int:
    return int(client.info("errorstats")["errorstat_MISCONF"]["count"])


@pytest.mark.slow
async def test_a_worker_logs_once_that_the_store_cannot_write_to_its_disk(tmp_path: Any) -> None:
    with (
        valkey_that_cannot_save(tmp_path / "valkey") as store,
        redis.Redis.from_url(store.url, decode_responses=True) as client,
        processes.llm_worker(store.url) as worker,
    ):
        await asyncio.to_thread(fail_disk, client)
        await asyncio.to_thread(worker.wait_until, lambda: "refuses writes" in worker.output)
        await asyncio.to_thread(worker.wait_until, lambda: refusals(client) > 20)
        mend_disk(client)
        await asyncio.to_thread(worker.wait_until, lambda: "accepts writes again" in worker.output)
        said = [line for line in worker.output.splitlines() if " WARNING " in line or " ERROR " in line]
    assert [("its disk" in line, "accepts writes again" in line) for line in said] == [(True, False), (False, True)]


def readiness(web: processes.Web) -> tuple[int, Any]:
    """The status and body of `/readyz`, without the workers."""
    try:
        with urllib.request.urlopen(f"{web.http}/readyz") as answer:
            status, found = answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            status, found = refused.code, json.load(refused)
    found.pop("workers")
    return status, found


def post(web: processes.Web, sid: str) -> int:
    """Send a message and return the HTTP status."""
    url = f"{web.http}/api/chat/sessions/{sid}/messages"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, HI.encode(), {"Content-Type": "application/json"})
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_readyz_and_one_log_line_report_a_full_store(
    own_store: processes.Store, queue: "redis.Redis", django_db_setup: None
) -> None:
    with processes.web(DOQCHAT_REDIS_URL=own_store.url) as web:
        assert readiness(web) == (200, {"status": "ok", "store": "ok", "database": "ok"})
        fill(queue)
        for _ in range(5):
            assert readiness(web) == (503, {"status": "unavailable", "store": "full", "database": "ok"})
            assert post(web, "room") == 503
        (line,) = web.process.output.splitlines()
        assert "its memory is full" in line
        queue.config_set("maxmemory", queue.info("memory")["used_memory"] + ROOM_BYTES // 2)
        assert readiness(web) == (503, {"status": "unavailable", "store": "full", "database": "ok"})
        make_room(queue)
        assert readiness(web)[0] == 200
        own_store.process.kill()
        assert readiness(web) == (503, {"status": "unavailable", "store": "unavailable", "database": "ok"})
