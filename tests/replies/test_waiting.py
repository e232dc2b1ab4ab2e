"""Requests that wait for a worker: cancelled, given up or deleted."""

import re

import pytest
import redis

from doqchat.engine import Engine
from doqchat.errors import NotFound
from doqchat.store import keys
from tests import processes
from tests.fanout.conftest import joined
from tests.hints import run_out
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, ask, end_of


async def test_a_reply_without_a_worker_is_waiting(own_engine: Engine, sid: str) -> None:
    first, second = await ask(own_engine, sid), await ask(own_engine, sid)
    under_way = (await own_engine.snapshots.take(sid)).replies
    assert [(one.reply_id, one.state, one.attempt, one.text) for one in under_way] == [
        (first, "waiting", 1, ""),
        (second, "waiting", 1, ""),
    ]
    assert (await own_engine.snapshots.take(f"{sid}-2")).replies == []


async def test_replies_are_listed_in_the_order_of_their_requests(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    in_order = ["r9-2", "r9-10", "r10-0"]
    queue.sadd(keys.replies(sid), *in_order)
    assert [one.reply_id for one in (await own_engine.snapshots.take(sid)).replies] == in_order


async def test_a_waiting_reply_that_is_cancelled_is_never_started(
    own_engine: Engine, own_store: processes.Store, sid: str
) -> None:
    reply_id = await ask(own_engine, sid)
    async with joined(own_engine, sid) as socket:
        with pytest.raises(NotFound):
            await own_engine.cancellation.cancel(f"{sid}-2", reply_id)
        await own_engine.cancellation.cancel(sid, reply_id)
        response = await socket.frame()
        await own_engine.cancellation.cancel(sid, reply_id)
    assert response["hd"]["event"] == "llm.response"
    assert (response["bd"]["reply_id"], response["bd"]["finish_reason"]) == (reply_id, "cancelled")
    assert response["bd"]["text"] == ""


async def test_a_job_is_given_up_after_three_deliveries(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    reply_id = await ask(own_engine, sid)
    run_out(queue, sid, reply_id, deliveries=3)
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            error = await socket.frame()
    assert (error["hd"]["event"], error["bd"]["code"], error["bd"]["reply_id"]) == ("llm.error", "failed", reply_id)
    letter = {"sid": sid, "request": reply_id[1:], "reply": reply_id, "llm": DEMO, "auto": "0"}
    assert [fields for _, fields in queue.xrange(keys.DEAD_LETTERS)] == [letter]
    assert queue.smembers(keys.dead(sid)) == {reply_id}
    assert (await own_engine.snapshots.take(sid)).replies == []


async def test_a_job_can_be_answered_at_the_third_delivery(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    run_out(queue, sid, await ask(own_engine, sid), deliveries=2)
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            assert (await end_of(socket, *ENDS))["hd"]["event"] == "llm.response"


async def test_a_job_of_a_deleted_session_ends_in_an_error(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    await ask(own_engine, sid)
    queue.delete(keys.stream(sid))
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            assert (await end_of(socket, *ENDS))["hd"]["event"] == "llm.error"
    assert not queue.exists(keys.replies(sid))


async def test_a_reply_is_stored_once_if_the_store_restarts_during_it(
    own_engine: Engine, own_store: processes.Store, sid: str
) -> None:
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            await ask(own_engine, sid)
            await end_of(socket, "llm.streaming")
            own_store.process.kill()
            with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
                response = await end_of(socket, *ENDS)
                stored = [entry for entry in await own_engine.stream.read(sid) if entry.participant == "llm"]
    assert response["hd"]["event"] == "llm.response"
    assert [entry.id for entry in stored] == [response["hd"]["id"]]


async def test_a_request_that_waits_for_days_is_still_answered(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await ask(own_engine, sid)
    await ask(own_engine, sid)
    passing = re.compile(rf"{re.escape(keys.own(sid))}(once:|asked|rates)")
    lasting = [key for key in queue.keys(f"{keys.own(sid)}*") if not passing.match(key)]
    assert {key: queue.ttl(key) for key in lasting} == dict.fromkeys(lasting, -1)
