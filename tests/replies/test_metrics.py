"""`GET /metrics`."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.errors import RateLimited
from doqchat.limits.requests import RequestLimits
from doqchat.protocol.frames import from_data
from doqchat.store import keys
from doqchat.store.stream import SessionStream
from doqchat.submission import submit
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests import processes
from tests.chat.fetch import fetch
from tests.conftest import Connect
from tests.fanout.conftest import joined
from tests.hints import posted, swept
from tests.ports import free_port
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS
from tests.replies.conversation import ask as ask_over
from tests.replies.demo_requests import DEMO, ask, end_of
from tests.replies.due_replies import automatic_replies
from tests.replies.exposition import numbers
from tests.replies.leased_replies import speaking, taken, taken_over

OF_REPLIES = ("doqchat_repl", "doqchat_first_piece", "doqchat_tokens")


@pytest.fixture
def own_web(own_store: processes.Store, queue: "redis.Redis", django_db_setup: None) -> Iterator[processes.Web]:
    """A web process on a store without workers, which does not sweep: the tests do."""
    queue.set(keys.SWEEPER, "the test")
    with processes.web(DOQCHAT_REDIS_URL=own_store.url) as web:
        yield web


async def test_waiting_running_and_dead_requests_are_counted(
    own_engine: Engine, own_web: processes.Web, queue: "redis.Redis", sid: str
) -> None:
    before = numbers(fetch(own_web, "/metrics"))
    shard = own_engine.shards.of(sid)
    for number in range(3):
        await ask(own_engine, f"{sid}-{number}")
    await posted(shard)
    waiting = numbers(fetch(own_web, "/metrics"))
    for job in [await Queue(shard, DEMO, "one").take() for _ in range(2)]:
        assert job is not None
        await LeasedReply(shard, "one", job).begin()
    queue.xadd(keys.DEAD_LETTERS, {"sid": sid})
    queue.zadd(keys.DUE, {sid: 1})
    await swept(own_engine)
    after = numbers(fetch(own_web, "/metrics"))
    names = ["requests_waiting demo", "replies_under_way demo", "requests_dead", "sessions_due", "tokens_today"]
    assert [[read.get(f"doqchat_{name}") for name in names] for read in (before, waiting, after)] == [
        [0, 0, 0, 0, 0],
        [3, 0, 0, 0, 0],
        [1, 2, 1, 1, 0],
    ]


async def test_queued_requests_are_counted_until_they_run_or_end(
    own_engine: Engine, own_web: processes.Web, queue: "redis.Redis", sid: str
) -> None:
    async def in_line() -> float:
        await swept(own_engine)
        return numbers(fetch(own_web, "/metrics"))["doqchat_requests_in_line"]

    talking, *others = [await ask(own_engine, sid) for _ in range(5)]
    assert await in_line() == 4
    await own_engine.cancellation.cancel(sid, others[1])
    assert await in_line() == 3
    queue.srem(keys.replies(sid), others[0])
    await own_engine.cancellation.cancel(sid, talking)
    assert await in_line() == 1
    for reply_id in others[2:]:
        await own_engine.cancellation.cancel(sid, reply_id)
    assert await in_line() == 0


async def test_a_queued_request_can_be_the_oldest_waiting_one(
    own_engine: Engine, own_web: processes.Web, sid: str
) -> None:
    async def oldest() -> float:
        await swept(own_engine)
        return numbers(fetch(own_web, "/metrics"))[f"doqchat_oldest_waiting_seconds {DEMO}"]

    await speaking(own_engine, sid, "busy")
    behind = await ask(own_engine, sid)
    await asyncio.sleep(0.1)  # the age of the request is asserted below
    waited = await oldest()
    await own_engine.cancellation.cancel(sid, behind)

    assert 0.1 <= waited < 60
    assert await oldest() == 0


@pytest.mark.slow
async def test_every_process_reports_how_all_replies_ended(
    whole_site: Site, own_store: processes.Store, django_db_setup: None, connect: Connect, sid: str
) -> None:
    variables = {"DOQCHAT_REDIS_URL": own_store.url, **whole_site.environment}
    with processes.llm_worker(own_store.url, **whole_site.environment), processes.web(**variables) as web:
        client = await connect(web, sid)
        before = numbers(fetch(web, "/metrics"))
        await ask_over(client, "[[pieces=3 pace=0.03]]")
        usage = (await client.recv_event(*ENDS))["bd"]["usage"]
        await ask_over(client, "[[status=429]]")
        assert (await client.recv_event(*ENDS))["bd"]["code"] == "rate_limited"
        with processes.web(**variables) as other:
            after = numbers(fetch(other, "/metrics"))
    grown = {name: after[name] - before.get(name, 0) for name in after if name.startswith(OF_REPLIES)}
    grown = {name: amount for name, amount in grown.items() if amount}
    assert 0.03 < grown.pop("doqchat_first_piece_seconds_sum") < 15
    assert grown == {
        "doqchat_replies_total stop": 1,
        "doqchat_reply_errors_total rate_limited": 1,
        "doqchat_first_piece_seconds_count": 1,
        "doqchat_tokens_total input": usage["input_tokens"],
        "doqchat_tokens_total output": usage["output_tokens"],
        "doqchat_tokens_today": usage["input_tokens"] + usage["output_tokens"],
    }


async def test_refusals_are_counted_by_limit_and_restarts_of_replies(
    own_engine: Engine, own_web: processes.Web, queue: "redis.Redis", sid: str
) -> None:
    own_engine.stream = SessionStream(own_engine.shards, RequestLimits(max_active_replies=1))
    leased = await taken(own_engine, sid, "first")
    for _ in range(2):
        with pytest.raises(RateLimited):
            await ask(own_engine, sid)
    await leased.begin()
    await taken_over(own_engine, queue, leased, "second").begin()
    await posted(own_engine.shards.of(sid))
    samples = numbers(fetch(own_web, "/metrics"))
    assert samples["doqchat_requests_refused_total max_active_replies"] == 2
    assert samples["doqchat_reply_restarts_total"] == 1


async def test_a_waiting_reply_that_is_cancelled_counts_as_cancelled(
    own_engine: Engine, own_web: processes.Web, sid: str
) -> None:
    first, second = await ask(own_engine, sid), await ask(own_engine, sid)
    for reply_id in (second, first):
        await own_engine.cancellation.cancel(sid, reply_id)
    await posted(own_engine.shards.of(sid))
    assert numbers(fetch(own_web, "/metrics"))["doqchat_replies_total cancelled"] == 2


async def test_an_automatic_reply_that_no_worker_starts_counts_as_one_error(
    own_engine: Engine, own_web: processes.Web, sid: str
) -> None:
    said = from_data({"hd": {"event": "chat.message"}, "bd": {"text": "@llm 안녕"}})
    await submit(own_engine, open_access(sid), said)
    await automatic_replies(own_engine, sid).fail(sid, 1.0, "no_worker", "No worker is running.")
    await posted(own_engine.shards.of(sid))
    assert numbers(fetch(own_web, "/metrics"))["doqchat_reply_errors_total no_worker"] == 1


@pytest.mark.slow
async def test_an_automatic_reply_that_is_withdrawn_counts_as_superseded(
    own_engine: Engine, own_store: processes.Store, own_web: processes.Web, queue: "redis.Redis", sid: str
) -> None:
    await own_engine.settings.change(sid, {"policy": "always", "llm": "demo"})
    client_says = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hello"}}'
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            await own_engine.stream.append(sid, "A", client_says, manner="said")
            await end_of(socket, "llm.streaming")
            await own_engine.settings.change(sid, {"policy": "off"})
            assert (await end_of(socket, *ENDS))["bd"]["finish_reason"] == "superseded"
    samples = numbers(fetch(own_web, "/metrics"))
    assert samples["doqchat_replies_total superseded"] == 1
    assert "doqchat_replies_total stop" not in samples


def test_metrics_are_served_for_any_host_and_contain_no_sessions(server: processes.Web) -> None:
    answer = fetch(server, "/metrics", headers={"Host": "10.0.0.7:3000"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "test-" not in answer.text


def test_metrics_fail_while_the_store_is_unreachable(django_db_setup: None) -> None:
    with processes.web(DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as stranded:
        answer = fetch(stranded, "/metrics")
    assert (answer.status, answer.text) == (503, "The store does not answer.\n")
