"""The channel layer: channels_redis' pub/sub layer, with listeners for sessions.

The store's scripts publish to a session's group themselves, so the wire format of the layer (msgpack of the message on
the channel `{prefix}__group__{group}`) is known here and in `store/scripts/`; a contract test checks it. Any Django
code may `group_send` to a session's group and reaches the sockets of all processes.
"""

import asyncio
import logging
from typing import Any, Protocol

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close

from doqchat.conf import doqchat_settings
from doqchat.fanout.subscription import Subscription
from doqchat.store.keys import GROUP_PREFIX
from doqchat.store.shards import layer_prefix, shard_index

log = logging.getLogger(__name__)

Message = dict[str, Any]


class Listener(Protocol):
    """Receives the messages to a group."""

    def on_message(self, message: Message) -> None:
        """Handle a message; exceptions are logged, and `refill` is called."""

    def refill(self) -> None:
        """A message could not be handled: read the state from the store."""

    def missed(self) -> None:
        """Messages may have been lost, on all channels of that server."""


class SessionChannelLayer(RedisPubSubChannelLayer):
    """The layer to name in CHANNEL_LAYERS.

    Args:
        hosts: the URLs of the servers, one for each shard of sessions; None for STORE_URLS of the setting DOQCHAT.
    """

    def __init__(self, *, hosts: list[str] | None = None) -> None:
        hosts = hosts or doqchat_settings().store_urls
        super().__init__(hosts=hosts, prefix=layer_prefix(hosts))

    def for_loop(self) -> "SessionLoopLayer":
        """The layer of the running event loop, with its connections."""
        layer: SessionLoopLayer = self._get_layer()
        return layer

    def _get_layer(self) -> "SessionLoopLayer":
        loop = asyncio.get_running_loop()
        layer: SessionLoopLayer | None = self._layers.get(loop)
        if layer is None:
            self._layers[loop] = layer = SessionLoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return layer


class SessionLoopLayer(RedisPubSubLoopLayer):
    """The layer of one event loop. `join` passes the messages to a group to a listener, without a queue."""

    def __init__(self, *, hosts: list[str], prefix: str, channel_layer: SessionChannelLayer) -> None:
        super().__init__(hosts=hosts, prefix=prefix, channel_layer=channel_layer)
        self._listeners: dict[str, Listener] = {}
        self._shards = [Subscription(url, self._deliver, self._missed) for url in hosts]

    async def join(self, group: str, listener: Listener) -> None:
        """Pass the messages to a group to a listener, from when this returns.

        Raises:
            Unavailable: the store did not confirm in time; the group is not joined.
        """
        channel = self._get_group_channel_name(group)
        self._listeners[channel] = listener
        try:
            await self._get_shard(channel).subscribe(channel)
        except BaseException:
            await self.leave(group, listener)
            raise

    async def leave(self, group: str, listener: Listener) -> None:
        """Undo `join`, unless another listener has joined since."""
        channel = self._get_group_channel_name(group)
        if self._listeners.get(channel) is not listener:
            return
        del self._listeners[channel]
        if channel not in self.groups:
            await self._get_shard(channel).unsubscribe(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Like the base class, but a group with a listener stays subscribed."""
        joined = self._get_group_channel_name(group)
        if joined in self._listeners and self.groups.get(joined) == {channel}:
            del self.groups[joined]
        else:
            await super().group_discard(group, channel)

    def _get_shard(self, channel: str) -> Subscription:
        """The server of a channel: for a session's group, the one that holds the session."""
        start = self._get_group_channel_name(GROUP_PREFIX)
        return self._shards[shard_index(channel.removeprefix(start), len(self._shards))]

    def _deliver(self, channel: str, payload: bytes) -> None:
        listener = self._listeners.get(channel)
        if listener is not None:
            try:
                listener.on_message(self.channel_layer.deserialize(payload))
            except Exception:
                log.exception("A message on %s could not be handled.", channel)
                listener.refill()
        if channel in self.channels:
            self.channels[channel].put_nowait(payload)
        for name in self.groups.get(channel, ()):
            if name in self.channels:
                self.channels[name].put_nowait(payload)

    def _missed(self, channel: str) -> None:
        if channel in self._listeners:
            self._listeners[channel].missed()
