"""Limits on requests: per session, per role, active replies, and the daily token budget."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from doqchat.engine import Engine
from doqchat.errors import RateLimited
from doqchat.replies.budget import TokenBudget, counter_of_today
from doqchat.store import keys, pipeline
from tests import processes
from tests.chat.fetch import fetch
from tests.client import Client
from tests.conftest import Connect
from tests.hints import posted, queued
from tests.replies.conversation import ENDS, ask
from tests.replies.demo_requests import DEMO
from tests.replies.demo_requests import ask as ask_in

Start = Callable[..., processes.Web]
NO_LIMIT = {
    "REQUESTS_PER_MINUTE": None,
    "ROLE_REQUESTS_PER_MINUTE": None,
    "MAX_ACTIVE_REPLIES": None,
    "ROLE_MAX_ACTIVE_REPLIES": None,
}
HTTP = {"Content-Type": "application/json"}


def limited(**limits: int) -> dict[str, str]:
    """The environment of a process with only these limits."""
    return {"DJANGO_SETTINGS_MODULE": "tests.replies.settings", "REPLIES": json.dumps(NO_LIMIT | limits)}


@pytest.fixture
def start(own_store: processes.Store, django_db_setup: None) -> Iterator[Start]:
    """Starts web processes on the store with only the given limits."""
    with ExitStack() as stack:

        def start(**limits: int) -> processes.Web:
            web = processes.web(DOQCHAT_REDIS_URL=own_store.url, **limited(**limits))
            return stack.enter_context(web)

        yield start


async def request(client: Client, msg_id: str, role: str = "A") -> Any:
    """Send a request and return the body of its acknowledgement or error."""
    await client.send("llm.request", {"prompt": "안녕", "llm": "demo"}, msg_id=msg_id, role=role)
    return (await client.recv_event("chat.ack", "error"))["bd"]


async def test_requests_over_the_rate_limit_of_a_role_are_refused_with_retry_after(
    start: Start, connect: Connect, queue: "redis.Redis", sid: str
) -> None:
    client = await connect(start(ROLE_REQUESTS_PER_MINUTE=2), sid, v1=True)
    for msg_id in ("m1", "m2"):
        assert "id" in await request(client, msg_id)
    refused = await request(client, "m3")
    assert (refused["code"], refused["msg_id"]) == ("rate_limited", "m3")
    assert 0 < refused["retry_after"] <= 60
    assert refused["message"] == f"Rate limit of the requests of A exceeded; retry in {refused['retry_after']} s."
    assert queue.xlen(keys.stream(sid)) == 2
    assert "id" in await request(client, "m4", role="B")
    await client.say("but I may talk")
    assert await client.recv_event("chat.message")


async def test_requests_of_a_session_are_counted_across_processes(
    start: Start, connect: Connect, queue: "redis.Redis", sid: str
) -> None:
    webs = [start(REQUESTS_PER_MINUTE=3), start(REQUESTS_PER_MINUTE=3)]
    clients = [await connect(web, sid, v1=True) for web in webs]
    outcomes = [await request(clients[n % 2], f"m{n}", role="AB"[n % 2]) for n in range(4)]
    assert ["id" in one for one in outcomes] == [True, True, True, False]
    assert outcomes[3]["message"].startswith("Rate limit of this session's requests exceeded; retry in ")
    elsewhere = await connect(webs[0], f"{sid}-2", v1=True)
    assert "id" in await request(elsewhere, "m0")


@pytest.mark.parametrize(
    "limit", ["REQUESTS_PER_MINUTE", "ROLE_REQUESTS_PER_MINUTE", "MAX_ACTIVE_REPLIES", "ROLE_MAX_ACTIVE_REPLIES"]
)
async def test_concurrent_requests_do_not_exceed_the_limit(
    start: Start, queue: "redis.Redis", sid: str, limit: str
) -> None:
    webs = [start(**{limit: 3}), start(**{limit: 3})]
    body = json.dumps({"hd": {"event": "llm.request", "role": "A"}, "bd": {"prompt": "안녕", "llm": "demo"}}).encode()

    def post(number: int) -> int:
        return fetch(webs[number % 2], f"/api/chat/sessions/{sid}/messages", "POST", HTTP, body).status

    statuses = await asyncio.gather(*(asyncio.to_thread(post, number) for number in range(40)))
    assert Counter(statuses) == {201: 3, 429: 37}
    assert queue.xlen(keys.stream(sid)) == 3


async def test_a_resent_request_counts_once_and_is_always_acknowledged(
    start: Start, connect: Connect, sid: str
) -> None:
    client = await connect(start(REQUESTS_PER_MINUTE=2), sid, v1=True)
    first = [await request(client, "m1") for _ in range(4)]
    assert {one["id"] for one in first} == {first[0]["id"]}
    assert [one["duplicate"] for one in first] == [False, True, True, True]
    assert "id" in await request(client, "m2")
    assert (await request(client, "m3"))["code"] == "rate_limited"
    assert (await request(client, "m1"))["duplicate"] is True


async def test_the_limit_of_active_replies_includes_queued_ones(
    start: Start, connect: Connect, queue: "redis.Redis", sid: str
) -> None:
    client = await connect(start(MAX_ACTIVE_REPLIES=2), sid, v1=True)
    first = await request(client, "m1")
    assert "id" in await request(client, "m2")
    refused = await request(client, "m3")
    assert (refused["code"], refused["retry_after"]) == ("rate_limited", 5)
    assert refused["message"] == "Too many active replies in this session (limit 2)."
    assert queue.xlen(keys.stream(sid)) == 2
    await client.send("llm.cancel", {"reply_id": f"r{first['id']}"})
    await client.recv_event(*ENDS)
    assert "id" in await request(client, "m3")


async def test_the_active_replies_of_a_role_are_limited(start: Start, connect: Connect, sid: str) -> None:
    client = await connect(start(ROLE_MAX_ACTIVE_REPLIES=1), sid, v1=True)
    first = await request(client, "m1")
    refused = await request(client, "m2")
    assert refused["message"] == "Too many active replies for A (limit 1)."
    assert "id" in await request(client, "m3", role="B")
    await client.send("llm.cancel", {"reply_id": f"r{first['id']}"})
    await client.recv_event(*ENDS)
    assert "id" in await request(client, "m2")


async def test_a_request_refused_for_too_many_active_replies_does_not_count(
    start: Start, connect: Connect, sid: str
) -> None:
    client = await connect(start(MAX_ACTIVE_REPLIES=1, REQUESTS_PER_MINUTE=2), sid, v1=True)
    first = await request(client, "m1")
    for number in range(3):
        assert "Too many active replies" in (await request(client, f"n{number}"))["message"]
    await client.send("llm.cancel", {"reply_id": f"r{first['id']}"})
    await client.recv_event(*ENDS)
    assert "id" in await request(client, "m2")


async def test_hundreds_of_requests_can_be_active_by_default(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await asyncio.gather(*(ask_in(own_engine, f"{sid}-{number}") for number in range(300)))
    await posted(*own_engine.shards)
    assert len(queued(queue, DEMO)) == 300


def test_a_refusal_over_http_has_retry_after(start: Start, sid: str) -> None:
    web = start(REQUESTS_PER_MINUTE=1)
    body = json.dumps({"hd": {"event": "llm.request"}, "bd": {"prompt": "안녕"}}).encode()
    answers = [fetch(web, f"/api/chat/sessions/{sid}/messages", "POST", HTTP, body) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 429]
    error = answers[1].json["error"]
    assert error["code"] == "rate_limited"
    assert answers[1].headers["Retry-After"] == str(error["retry_after"])


@pytest.mark.slow
async def test_a_session_over_its_limit_gets_no_automatic_reply_but_an_error_after_a_mention(
    start: Start, connect: Connect, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    client = await connect(start(), sid, v1=True)
    with processes.llm_worker(own_store.url, **limited(REQUESTS_PER_MINUTE=1)) as worker:
        await client.say("@llm hello")
        assert (await client.recv_event(*ENDS))["hd"]["event"] == "llm.response"
        await client.say("@llm hello again")
        assert (await client.recv_event("llm.error"))["bd"]["code"] == "rate_limited"
        queue.hset(keys.settings(sid), "policy", "always")
        await client.say("and so on")
        await asyncio.to_thread(
            worker.wait_until, lambda: worker.output.count(f"No automatic reply in {sid}: Rate limit") == 2
        )
    assert not queue.exists(keys.due(sid))
    assert not queue.exists(keys.replies(sid))
    assert queue.xlen(keys.stream(sid)) == 5


@pytest.fixture
def gemini_url() -> Iterator[str]:
    with processes.gemini() as url:
        yield url


@pytest.mark.slow
async def test_requests_are_refused_when_the_daily_token_budget_is_used_up(
    start: Start,
    connect: Connect,
    own_store: processes.Store,
    queue: "redis.Redis",
    gemini_url: str,
    sid: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "right-key")
    monkeypatch.setenv("GEMINI_BASE_URL", gemini_url)
    client = await connect(start(TOKENS_PER_DAY=1), sid, v1=True)
    today = keys.tokens(datetime.now(UTC).date().isoformat())
    with processes.llm_worker(own_store.url, **limited(TOKENS_PER_DAY=1)) as worker:
        await ask(client, "[[pieces=2]]")
        usage = (await client.recv_event(*ENDS))["bd"]["usage"]
        assert int(queue.get(today) or 0) == usage["input_tokens"] + usage["output_tokens"] > 0
        assert 0 < queue.ttl(today) <= 2 * 24 * 60 * 60
        refused = await request(client, "m2")
        assert (refused["code"], "budget for today is used up" in refused["message"]) == ("rate_limited", True)
        assert 0 < refused["retry_after"] <= 24 * 60 * 60
        await client.say("@llm hello")
        called = (await client.recv_event("chat.message"))["hd"]["id"]
        dropped = (await client.recv_event("llm.error"))["bd"]
        assert (dropped["code"], dropped["request_id"], dropped["reply_id"]) == ("rate_limited", called, f"r{called}")
        assert "budget for today is used up" in dropped["message"]
        noted = f"No automatic reply in {sid}: The assistant's budget"
        await asyncio.to_thread(worker.wait_until, lambda: noted in worker.output)


async def test_a_new_day_has_a_new_budget(start: Start, connect: Connect, queue: "redis.Redis", sid: str) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    queue.set(keys.tokens(yesterday.isoformat()), 1_000_000)
    client = await connect(start(TOKENS_PER_DAY=1_000_000), sid, v1=True)
    assert "id" in await request(client, "m1")


async def test_the_budget_is_checked_while_one_of_several_stores_is_frozen(
    stores: list[processes.Store], make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "COMMAND_TIMEOUT", 3600.0)
    shards = make_engine(*stores).shards
    budget = TokenBudget(shards, tokens=3)
    for shard in shards:
        await shard.pipeline.execute("INCRBY", counter_of_today(), 1)
    await budget.check()
    stores[0].process.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(15):
            await budget.check()
            await list(shards)[1].pipeline.execute("INCRBY", counter_of_today(), 1)
            with pytest.raises(RateLimited):
                await budget.check()
    finally:
        stores[0].process.send_signal(signal.SIGCONT)
