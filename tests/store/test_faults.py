"""What happens when the store is away, full, frozen, or its answer is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable

import pytest
import redis

from doqchat.errors import Unavailable
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store import keys
from doqchat.store.pipeline import BATCH, Pipeline
from doqchat.store.shards import Shards
from doqchat.store.stream import Appended, SessionStream
from tests import processes
from tests.proxy import Proxy


@pytest.fixture
async def pipeline(own_store: processes.Store) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(own_store.url)
    yield pipeline
    await pipeline.close()


@pytest.fixture
async def proxy(store_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(f"127.0.0.1:{processes.port_of(store_url)}").serving() as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(proxy: Proxy, layer: SessionChannelLayer) -> AsyncIterator[SessionStream]:
    """The shared store's streams, over connections that can be broken."""
    shards = Shards([f"redis://{proxy.address}/0"])
    yield SessionStream(shards, layer.channel_of)
    await shards.close()


async def test_answers_come_to_those_who_asked(pipeline: Pipeline) -> None:
    numbers = [str(number) for number in range(1_000)]
    assert await asyncio.gather(*(pipeline.execute("ECHO", number) for number in numbers)) == numbers


async def test_one_refused_command_spoils_no_other(pipeline: Pipeline) -> None:
    await pipeline.execute("SET", "text", "x")
    asked = [pipeline.execute("ECHO", "1"), pipeline.execute("INCR", "text"), pipeline.execute("ECHO", "2")]
    first, refused, last = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, last) == ("1", "2")
    assert isinstance(refused, Exception)


async def test_a_caller_that_gives_up_spoils_nobody_elses_answer(pipeline: Pipeline) -> None:
    await pipeline.ready()
    impatient = asyncio.create_task(pipeline.execute("ECHO", "1"))
    patient = asyncio.create_task(pipeline.execute("ECHO", "2"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == "2"


async def test_all_who_wait_for_a_store_that_dies_hear_of_it(pipeline: Pipeline, own_store: processes.Store) -> None:
    await pipeline.ready()
    own_store.process.send_signal(signal.SIGSTOP)
    waiting = asyncio.gather(*(pipeline.execute("ECHO", str(n)) for n in range(600)), return_exceptions=True)
    await asyncio.sleep(0)
    own_store.process.kill()
    assert all(isinstance(answer, Unavailable) for answer in await waiting)


async def test_a_store_that_comes_back_is_used_again(
    own_store: processes.Store, own_stream: SessionStream, sid: str
) -> None:
    await own_stream.append(sid, "A", "before")
    own_store.process.kill()
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


async def test_an_append_that_a_frozen_store_takes_too_long_for_is_never_stored(
    own_store: processes.Store, own_stream: SessionStream, sid: str
) -> None:
    await own_stream.append(sid, "A", "before")
    own_store.process.send_signal(signal.SIGSTOP)
    with pytest.raises(Unavailable):
        await own_stream.append(sid, "A", "refused", msg_id="m1", digest="d1")
    own_store.process.send_signal(signal.SIGCONT)
    await own_stream.append(sid, "A", "after", msg_id="m1", digest="d1")
    assert [entry.body for entry in await own_stream.read(sid)] == ["before", "after"]


@pytest.mark.parametrize("msg_id", [None, "m1"])
async def test_an_append_whose_answer_is_lost_is_stored_once(
    proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str, msg_id: str | None
) -> None:
    first = await behind_proxy.append(sid, "A", "first")
    proxy.losing = True
    second = await behind_proxy.append(sid, "A", "second", msg_id=msg_id, digest="d1" if msg_id else "")
    assert proxy.cuts == 1
    assert [entry_id for entry_id, _ in store.xrange(keys.stream(sid))] == [first.id, second.id]


async def test_when_the_connection_breaks_what_is_acknowledged_is_stored_once_and_what_is_refused_is_not(
    proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str
) -> None:
    await behind_proxy.append(sid, "A", "first")
    proxy.losing = True
    said = [str(number) for number in range(2 * BATCH)]
    outcomes = await asyncio.gather(*(behind_proxy.append(sid, "A", text) for text in said), return_exceptions=True)
    kept = {fields["body"]: entry_id for entry_id, fields in store.xrange(keys.stream(sid))[1:]}
    assert proxy.cuts == 1
    assert kept == {text: one.id for text, one in zip(said, outcomes, strict=True) if isinstance(one, Appended)}
    assert len(kept) + 1 == store.xlen(keys.stream(sid))
    assert all(isinstance(one, Appended | Unavailable) for one in outcomes)
    assert len(kept) >= BATCH


def fill(client: "redis.Redis") -> None:
    client.config_set("maxmemory", 1)


def make_replica(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", "1")


def want_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", 1)


@pytest.mark.parametrize("refuse_writes", [fill, make_replica, want_replicas])
async def test_a_store_that_takes_no_writes_stores_nothing_of_an_append(
    own_stream: SessionStream, own_client: "redis.Redis", sid: str, refuse_writes: Callable[["redis.Redis"], None]
) -> None:
    refuse_writes(own_client)
    for msg_id in (None, "m1"):
        with pytest.raises(Unavailable):
            await own_stream.append(sid, "A", "refused", msg_id=msg_id, digest="d1", ask="default")
    assert own_client.keys() == []


async def test_a_full_store_that_has_room_again_takes_messages_again(
    own_stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    fill(own_client)
    with pytest.raises(Unavailable):
        await own_stream.append(sid, "A", "refused")
    own_client.config_set("maxmemory", 0)
    await own_stream.append(sid, "A", "stored")
    assert [entry.body for entry in await own_stream.read(sid)] == ["stored"]


async def test_reads_of_a_store_that_is_away_say_so(own_store: processes.Store, own_stream: SessionStream) -> None:
    own_store.process.kill()
    for reading in (own_stream.read, own_stream.read_back, own_stream.tail, own_stream.length):
        with pytest.raises(Unavailable):
            await reading("room")
