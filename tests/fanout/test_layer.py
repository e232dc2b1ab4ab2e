"""The channel layer keeps the contract of Channels, and its subscription reports missed messages."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgpack
import pytest
import redis
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from doqchat.engine import Engine
from doqchat.errors import Unavailable
from doqchat.fanout.layer import Message, SessionChannelLayer
from doqchat.fanout.subscription import Subscription
from doqchat.store import keys
from doqchat.store.keys import group_name
from tests import processes
from tests.fanout.conftest import BODY, Join, pubsub_connections
from tests.fanout.events import SILENT, ids
from tests.fanout.socket import WITHIN

FAR = "99999999999999-0"
MALFORMED = {
    "what is not msgpack": b"\xc1 no msgpack",
    "no dictionary": msgpack.packb(5),
    "a signal without its text": msgpack.packb({"type": "session.signal"}),
    "an event without its id": msgpack.packb({"type": "session.entry", "prev": "0-0", "body": BODY}),
    "a signal whose text is a number": msgpack.packb({"type": "session.signal", "text": 5}),
    "an event without its body": msgpack.packb({"type": "session.entry", "id": FAR, "prev": "0-0", "body": None}),
    "presence without members": msgpack.packb({"type": "session.presence"}),
}


@pytest.fixture
async def layer(store_url: str) -> AsyncIterator[SessionChannelLayer]:
    layer: SessionChannelLayer = get_channel_layer()
    yield layer
    await layer.flush()


@pytest.fixture
async def stock_layer(store_url: str) -> AsyncIterator[RedisPubSubChannelLayer]:
    """The pub/sub layer of channels_redis, as another program uses it."""
    layer = RedisPubSubChannelLayer(hosts=[store_url], prefix="doqchat")
    yield layer
    await layer.flush()


async def test_a_group_reaches_its_channels(layer: SessionChannelLayer) -> None:
    names = [await layer.new_channel() for _ in range(3)]
    for name in names[:2]:
        await layer.group_add("room", name)
    await layer.group_send("room", {"type": "news", "text": "안녕"})
    async with asyncio.timeout(WITHIN):
        for name in names[:2]:
            assert await layer.receive(name) == {"type": "news", "text": "안녕"}
    await layer.group_discard("room", names[0])
    await layer.group_send("room", {"type": "more"})
    await layer.send(names[0], {"type": "own"})
    async with asyncio.timeout(WITHIN):
        assert (await layer.receive(names[0]))["type"] == "own"
        assert (await layer.receive(names[1]))["type"] == "more"


class GroupReader:
    """Collects the messages to a group."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Message] = asyncio.Queue()

    def on_message(self, message: Message) -> None:
        self.received.put_nowait(message)

    def refill(self) -> None:
        """Nothing to refill from."""

    missed = refill


def unsubscriptions(store: "redis.Redis") -> int:
    return int(store.info("commandstats").get("cmdstat_unsubscribe", {}).get("calls", 0))


async def test_a_session_stays_subscribed_when_a_channel_leaves_its_group(
    layer: SessionChannelLayer, store: "redis.Redis", sid: str
) -> None:
    before = unsubscriptions(store)
    reader = GroupReader()
    await layer.for_loop().join(group_name(sid), reader)
    name = await layer.new_channel()
    await layer.group_add(group_name(sid), name)
    await layer.group_discard(group_name(sid), name)
    await layer.group_send(group_name(sid), {"type": "news"})
    async with asyncio.timeout(WITHIN):
        assert await reader.received.get() == {"type": "news"}
    assert unsubscriptions(store) == before


async def test_the_stock_channel_layer_reaches_the_sockets_of_a_session(
    stock_layer: RedisPubSubChannelLayer, join: Join, sid: str
) -> None:
    socket = await join(sid)
    await stock_layer.group_send(group_name(sid), {"type": "session.signal", "text": '"안녕 😊"'})
    assert await socket.text() == '"안녕 😊"'


async def test_an_unknown_message_type_is_logged_once(
    engine: Engine, join: Join, sid: str, caplog: pytest.LogCaptureFixture
) -> None:
    socket, room = await join(sid), group_name(sid)
    kind = f"news.of.{sid}"
    for _ in range(3):
        await engine.layer.group_send(room, {"type": kind, "text": "{}"})
    await engine.layer.group_send(room, {"type": ["no", "type"]})
    await engine.layer.group_send(room, {"type": "session.signal", "text": '"a signal"'})
    assert await socket.frame() == "a signal"
    assert [record.getMessage().count(kind) for record in caplog.records if "reaches no socket" in record.msg] == [1, 0]


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_message_is_logged_and_loses_no_events(
    no_beat: None,
    engine: Engine,
    store: "redis.Redis",
    join: Join,
    sid: str,
    caplog: pytest.LogCaptureFixture,
    payload: bytes,
) -> None:
    socket = await join(sid)
    said = [str(store.xadd(keys.stream(sid), SILENT))]
    store.publish(engine.shards.of(sid).channel(sid), payload)
    assert ids([await socket.frame()]) == said
    assert engine.shards.of(sid).channel(sid) in caplog.text
    said.append((await engine.stream.append(sid, "A", BODY)).id)
    assert ids([await socket.frame()]) == said[1:]
    late = await join(f"{sid}-2")
    appended = await engine.stream.append(f"{sid}-2", "A", BODY)
    assert ids([await late.frame()]) == [appended.id]


async def test_the_stock_channel_layer_receives_what_the_scripts_publish(
    engine: Engine, stock_layer: RedisPubSubChannelLayer, sid: str
) -> None:
    name = await stock_layer.new_channel()
    await stock_layer.group_add(group_name(sid), name)
    appended = await engine.stream.append(sid, "A", BODY)
    async with asyncio.timeout(WITHIN):
        message = await stock_layer.receive(name)
    assert message == {"type": "session.entry", "id": appended.id, "prev": "0-0", "body": BODY}


async def test_a_broken_subscription_is_restored_and_missed_events_are_read(
    no_beat: None, engine: Engine, store: "redis.Redis", join: Join, sid: str
) -> None:
    others = pubsub_connections(store)
    socket = await join(sid)
    (own,) = pubsub_connections(store) - others
    store.client_kill_filter(_id=own)
    missed = [str(store.xadd(keys.stream(sid), SILENT)) for _ in range(3)]
    assert ids(await socket.frames_to(missed[-1])) == missed
    last = await engine.stream.append(sid, "A", BODY)
    assert ids(await socket.frames_to(last.id)) == [last.id]


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[processes.Store]:
    with processes.valkey(tmp_path / "valkey") as store:
        yield store


class Listener:
    """Subscribes to channels of a store."""

    def __init__(self, url: str) -> None:
        self.received: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.missed: asyncio.Queue[str] = asyncio.Queue()
        self.subscription = Subscription(
            url, lambda channel, payload: self.received.put_nowait((channel, payload)), self.missed.put_nowait
        )

    async def missed_on(self, channels: Iterable[str]) -> None:
        """Wait until missed messages were reported for each of the channels."""
        missing = set(channels)
        async with asyncio.timeout(WITHIN):
            while missing:
                missing.discard(await self.missed.get())


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    listener = Listener(url)
    try:
        yield listener
    finally:
        await listener.subscription.flush()


@pytest.mark.slow
async def test_a_subscription_survives_a_restart_of_the_store(own_store: processes.Store) -> None:
    async with listening(own_store.url) as listener:
        channels = [f"channel {number}" for number in range(1_200)]
        await asyncio.gather(*(listener.subscription.subscribe(channel) for channel in channels))
        own_store.process.kill()
        with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
            await listener.missed_on(channels)
            for channel in channels:
                await listener.subscription.publish(channel, channel.encode())
            async with asyncio.timeout(WITHIN):
                received = [await listener.received.get() for _ in channels]
            assert received == [(channel, channel.encode()) for channel in channels]


async def test_a_channel_can_be_joined_left_and_joined_again_at_once(own_store: processes.Store) -> None:
    async with listening(own_store.url) as listener:
        for _ in range(20):
            await listener.subscription.subscribe("channel")
            await listener.subscription.unsubscribe("channel")
        await listener.subscription.subscribe("channel")
        await listener.subscription.publish("channel", b"1")
        async with asyncio.timeout(WITHIN):
            assert await listener.received.get() == ("channel", b"1")


async def test_subscribing_to_an_unreachable_store_fails(own_store: processes.Store) -> None:
    own_store.process.kill()
    async with listening(own_store.url) as listener:
        with pytest.raises(Unavailable):
            await listener.subscription.subscribe("channel")
        await listener.subscription.unsubscribe("channel")
        with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
            async with asyncio.timeout(WITHIN):
                while True:
                    try:
                        await listener.subscription.subscribe("channel")
                        break
                    except Unavailable:
                        continue
