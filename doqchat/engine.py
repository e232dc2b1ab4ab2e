"""The engine of one event loop: the store, the layer and the hub, wired together."""

import asyncio

from channels.layers import get_channel_layer

from doqchat.conf import store_urls
from doqchat.fanout.hub import Hub
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store.presence import Presence
from doqchat.store.registry import Registry
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream


class Engine:
    """What consumers, views, commands and the worker reach the sessions through.

    Attributes:
        layer: the channel layer.
        shards, stream, presence, registry: the store.
        hub: the live sessions of this process.
    """

    def __init__(self) -> None:
        layer: SessionChannelLayer = get_channel_layer()
        self.layer = layer
        self.shards = Shards(store_urls())
        self.stream = SessionStream(self.shards, layer.channel_of)
        self.presence = Presence(self.shards, layer.channel_of)
        self.registry = Registry(self.shards)
        self.hub = Hub(layer.for_loop(), self.stream, self.presence, self.registry)

    async def close(self) -> None:
        """Drop all connections to the store."""
        await self.layer.flush()
        await self.shards.close()


_engines: dict[asyncio.AbstractEventLoop, Engine] = {}


def engine() -> Engine:
    """The engine of the running event loop; connections belong to a loop, and so does it."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        for closed in [other for other in _engines if other.is_closed()]:
            del _engines[closed]
        _engines[loop] = Engine()
    return _engines[loop]
