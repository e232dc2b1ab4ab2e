"""Commands and appends while the store is unreachable or refuses writes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import redis

from doqchat.errors import Unavailable
from doqchat.store.faults import Uncertain
from doqchat.store.pipeline import BATCH, Pipeline
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes
from tests.proxy import Proxy
from tests.store.refusing import fill, make_room


@pytest.fixture
async def pipeline(own_store: processes.Store) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(own_store.url)
    yield pipeline
    await pipeline.close()


async def test_each_caller_gets_its_own_response(pipeline: Pipeline) -> None:
    numbers = [str(number) for number in range(1_000)]
    assert await asyncio.gather(*(pipeline.execute("ECHO", number) for number in numbers)) == numbers


async def test_a_refused_command_does_not_affect_others(pipeline: Pipeline) -> None:
    await pipeline.execute("SET", "text", "x")
    asked = [pipeline.execute("ECHO", "1"), pipeline.execute("INCR", "text"), pipeline.execute("ECHO", "2")]
    first, refused, last = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, last) == ("1", "2")
    assert isinstance(refused, Exception)


async def test_a_refused_command_that_is_not_awaited_is_logged(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.post("NO SUCH COMMAND")
    assert await pipeline.execute("ECHO", "hi") == "hi"
    assert "NO SUCH COMMAND" in caplog.text


async def test_a_cancelled_caller_does_not_affect_others(pipeline: Pipeline) -> None:
    await pipeline.ready()
    impatient = asyncio.create_task(pipeline.execute("ECHO", "1"))
    patient = asyncio.create_task(pipeline.execute("ECHO", "2"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == "2"


async def test_all_waiting_commands_fail_when_the_store_dies(pipeline: Pipeline, own_store: processes.Store) -> None:
    await pipeline.ready()
    own_store.process.send_signal(signal.SIGSTOP)
    waiting = asyncio.gather(*(pipeline.execute("ECHO", str(n)) for n in range(600)), return_exceptions=True)
    await asyncio.sleep(0)
    own_store.process.kill()
    assert all(isinstance(answer, Unavailable) for answer in await waiting)


async def test_the_first_command_after_the_server_has_closed_the_connection_is_answered(
    pipeline: Pipeline, own_client: "redis.Redis"
) -> None:
    await pipeline.ready()
    await asyncio.to_thread(own_client.client_kill_filter, _type="normal", skipme=True)
    assert await pipeline.execute("INCR", "count", repeat=False) == 1


async def test_a_command_whose_response_is_lost_is_retried_only_if_it_is_idempotent(
    proxy: Proxy, proxied_shards: Shards, store: "redis.Redis", sid: str
) -> None:
    pipeline = proxied_shards.of(sid).pipeline
    await pipeline.ready()
    proxy.losing = b"INCR"
    assert await pipeline.execute("INCR", sid) == 2
    proxy.losing = b"INCR"
    with pytest.raises(Uncertain):
        await pipeline.execute("INCR", sid, repeat=False)
    assert (store.get(sid), proxy.cuts) == ("3", 2)


async def test_queued_commands_are_sent_over_the_next_connection(
    proxy: Proxy, proxied_shards: Shards, store: "redis.Redis", sid: str
) -> None:
    pipeline = proxied_shards.of(sid).pipeline
    await pipeline.ready()
    proxy.losing = b"INCR"
    sent = asyncio.gather(*(pipeline.execute("INCR", sid, repeat=False) for _ in range(BATCH)), return_exceptions=True)
    later = asyncio.gather(*(pipeline.execute("INCR", sid, repeat=False) for _ in range(BATCH)))
    assert {type(answer) for answer in await sent} <= {int, Uncertain}
    assert await later == list(range(BATCH + 1, 2 * BATCH + 1))
    assert proxy.cuts == 1


async def test_a_store_that_restarts_is_used_again(
    own_store: processes.Store, own_stream: SessionStream, sid: str
) -> None:
    await own_stream.append(sid, "A", "before")
    await asyncio.to_thread(own_store.process.kill)  # the event loop sees its connections end
    with pytest.raises(Unavailable):
        await own_stream.append(sid, "A", "refused")
    with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
        await own_stream.append(sid, "A", "after")
        assert [entry.body for entry in await own_stream.read(sid)] == ["before", "after"]


async def test_what_was_acknowledged_survives_a_crash_of_the_store(
    own_store: processes.Store, own_stream: SessionStream, sid: str
) -> None:
    appended = await asyncio.gather(*(own_stream.append(sid, "A", str(number)) for number in range(50)))
    own_store.process.kill()
    with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
        assert [entry.id for entry in await own_stream.read(sid)] == [one.id for one in appended]


@pytest.fixture(scope="session")
def cluster() -> bool:
    """Use a single server: a cluster node cannot be made a replica like this."""
    return False


def make_replica(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", "1")


def want_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", 1)


@pytest.mark.parametrize("refuse_writes", [fill, make_replica, want_replicas])
async def test_a_store_that_refuses_writes_stores_nothing_of_an_append(
    own_stream: SessionStream, own_client: "redis.Redis", sid: str, refuse_writes: Callable[["redis.Redis"], None]
) -> None:
    refuse_writes(own_client)
    for msg_id in (None, "m1"):
        with pytest.raises(Unavailable):
            await own_stream.append(sid, "A", "refused", msg_id=msg_id, digest="d1", ask="default")
    assert own_client.keys() == []


async def test_a_store_that_is_no_longer_full_accepts_messages_again(
    own_stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    fill(own_client)
    with pytest.raises(Unavailable):
        await own_stream.append(sid, "A", "refused")
    make_room(own_client)
    await own_stream.append(sid, "A", "stored")
    assert [entry.body for entry in await own_stream.read(sid)] == ["stored"]


async def test_reads_of_an_unreachable_store_raise_unavailable(
    own_store: processes.Store, own_stream: SessionStream
) -> None:
    own_store.process.kill()
    for reading in (own_stream.read, own_stream.read_back, own_stream.tail, own_stream.length):
        with pytest.raises(Unavailable):
            await reading("room")
