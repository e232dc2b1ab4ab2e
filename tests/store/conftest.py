"""Components of the store on the shared Valkey, and on a test's own Valkey that it may break."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing

import pytest
import redis

from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store.presence import Presence
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes
from tests.proxy import Proxy

Published = Callable[[], bytes]
WITHIN = 10  # seconds


@pytest.fixture(scope="session")
def cluster() -> bool:
    """Use cluster mode; what it permits also works on the single server that all other tests use."""
    return True


@pytest.fixture
def layer(store_url: str) -> SessionChannelLayer:
    return SessionChannelLayer(hosts=[store_url])


@pytest.fixture
async def shards(store_url: str) -> AsyncIterator[Shards]:
    shards = Shards([store_url])
    yield shards
    await shards.close()


@pytest.fixture
def stream(shards: Shards, layer: SessionChannelLayer) -> SessionStream:
    return SessionStream(shards)


@pytest.fixture
def presence(shards: Shards, layer: SessionChannelLayer) -> Presence:
    return Presence(shards)


@pytest.fixture
def published(store_url: str, layer: SessionChannelLayer, sid: str) -> Iterator[Published]:
    """`published()` returns the next payload on the session's channel."""
    with closing(redis.Redis.from_url(store_url)) as client, closing(client.pubsub()) as subscription:
        subscription.subscribe(Shards([store_url]).of(sid).channel(sid))
        subscription.get_message(timeout=WITHIN)

        def receive() -> bytes:
            message = subscription.get_message(timeout=WITHIN)
            assert message is not None, "nothing was published"
            return bytes(message["data"])

        yield receive


@pytest.fixture
async def own_shards(own_store: processes.Store) -> AsyncIterator[Shards]:
    shards = Shards([own_store.url])
    yield shards
    await shards.close()


@pytest.fixture
def own_stream(own_shards: Shards, layer: SessionChannelLayer) -> SessionStream:
    return SessionStream(own_shards)


@pytest.fixture
async def proxy(store_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the shared store."""
    async with Proxy(f"127.0.0.1:{processes.port_of(store_url)}").serving() as proxy:
        yield proxy


@pytest.fixture
async def proxied_shards(proxy: Proxy) -> AsyncIterator[Shards]:
    """The shared store through the proxy, which can break connections."""
    shards = Shards([f"redis://{proxy.address}/0"])
    yield shards
    await shards.close()


@pytest.fixture
def behind_proxy(proxied_shards: Shards, layer: SessionChannelLayer) -> SessionStream:
    return SessionStream(proxied_shards)
