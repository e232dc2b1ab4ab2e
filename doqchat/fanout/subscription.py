"""One connection to one server that receives published messages."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

from redis.exceptions import RedisError

from doqchat.errors import Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection, commands
from doqchat.store.connection import ResponseProtocol
from doqchat.store.outages import outage

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 5.0
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0
"""Seconds between attempts to reconnect; short, because members wait for missed events."""

TURN_BYTES = 16 * 1024
"""Bytes of messages delivered before the event loop is yielded to, so that sockets are written to."""

_CHUNK = 500


class _Channel:
    """A subscribed channel.

    Attributes:
        confirmed: done when the server has confirmed the subscription on the current connection.
        followed: whether it was confirmed before, on this connection or an earlier one.
    """

    __slots__ = ("confirmed", "followed", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.followed = False


class _Published(ResponseProtocol):
    """Passes on published messages, TURN_BYTES per iteration of the event loop."""

    def __init__(self, take: Callable[[list[Any]], int]) -> None:
        super().__init__(decode=False)
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._take = take
        self._burst = 0

    def take(self, answer: Any) -> bool:
        if isinstance(answer, Exception):
            raise answer
        self._burst += self._take(answer)
        if self._burst < TURN_BYTES or self.transport is None:
            return True
        self._burst = 0
        self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._next_turn)
        return False

    def end(self, error: Exception) -> None:
        super().end(error)
        if not self.over.done():
            self.over.set_exception(error)

    def _next_turn(self) -> None:
        if not self.ended and self.transport is not None:
            self.transport.resume_reading()
            self.go_on()


class Subscription:
    """Subscribes to channels, and resubscribes to all of them after a reconnect.

    redis-py's PubSub resubscribes as well, but does not report it, does not await the confirmation of a SUBSCRIBE, and
    detects a half-open connection only when it sends. The interface is that of channels_redis'
    `RedisSingleShardConnection`.

    Args:
        url: the server.
        deliver: called with the channel's name and the payload of each message, in order.
        missed: called with a channel's name after it was resubscribed; messages published meanwhile are lost.
    """

    def __init__(self, url: str, deliver: Callable[[str, bytes], None], missed: Callable[[str], None]) -> None:
        self._url = url
        self._deliver = deliver
        self._missed = missed
        self._connection: Any = None
        self._commands: Any = None
        self._channels: dict[str, _Channel] = {}
        self._asked: deque[_Channel] = deque()  # the server confirms in this order
        self._receiver: asyncio.Task[None] | None = None
        self._responded = False

    async def publish(self, channel: str, message: bytes) -> None:
        """Publish a message; raises redis-py's errors."""
        if self._commands is None:
            self._commands = commands(self._url)
        await self._commands.publish(channel, message)

    async def subscribe(self, channel: str) -> None:
        """Subscribe to a channel; returns when the server has confirmed it.

        Raises:
            Unavailable: it was not confirmed in time. Subscribing is retried until `unsubscribe`.
        """
        if self._receiver is None:
            self._receiver = asyncio.create_task(self._receive(), context=Context())
        wanted = self._channels.get(channel)
        if wanted is None:
            wanted = self._channels[channel] = _Channel(channel)
            await self._ask_for([wanted])
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await asyncio.shield(wanted.confirmed)
        except TimeoutError:
            raise Unavailable("The store cannot be reached now; try again.") from None

    async def unsubscribe(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        if self._channels.pop(channel, None) is not None:
            await self._send("UNSUBSCRIBE", channel)

    async def flush(self) -> None:
        """Close the connections and forget all channels."""
        if self._receiver is not None:
            self._receiver.cancel()
            await asyncio.wait([self._receiver])
            self._receiver = None
        if self._commands is not None:
            await self._commands.aclose()
            self._commands = None
        self._channels.clear()

    async def _receive(self) -> None:
        """Receive messages, and reconnect after failures, until cancelled."""
        wait = FIRST_WAIT
        while True:
            try:
                await self._follow()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("The subscription to the store was interrupted (%s); reconnecting.", error)
                outage(self._url).note(error)
            except Exception:
                log.exception("The subscription to the store failed; reconnecting.")
            wait = FIRST_WAIT if self._responded else min(wait * 2, LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def _follow(self) -> None:
        """Connect, subscribe to all channels, and receive messages until the connection breaks."""
        self._responded = False
        connection = bare_connection(self._url, decode=False)
        async with asyncio.timeout(COMMAND_TIMEOUT):
            await connection.connect()
        self._connection = connection
        published = _Published(self._take)
        published.take_over(connection)
        keepalive = asyncio.create_task(self._keepalive())
        try:
            await self._ask_for(list(self._channels.values()))
            await published.over
        finally:
            keepalive.cancel()
            await self._drop()

    async def _ask_for(self, channels: Sequence[_Channel]) -> None:
        """Subscribe to channels if there is a connection; a later one subscribes to all."""
        for start in range(0, len(channels), _CHUNK):
            if self._connection is not None:
                chunk = channels[start : start + _CHUNK]
                self._asked.extend(chunk)
                await self._send("SUBSCRIBE", *(channel.name for channel in chunk))

    def _take(self, answer: list[Any]) -> int:
        """Handle a response; returns the size of a message, and 0 for anything else."""
        self._responded = True
        if answer[0] == b"message":
            self._deliver(answer[1].decode(), answer[2])
            return len(answer[2])
        if answer[0] == b"subscribe":
            self._confirm(self._asked.popleft())
        return 0

    def _confirm(self, channel: _Channel) -> None:
        """Handle a confirmation; the channel may have been unsubscribed, and subscribed again, since."""
        if not channel.confirmed.done():
            channel.confirmed.set_result(None)
        if channel.followed and self._channels.get(channel.name) is channel:
            self._missed(channel.name)
        channel.followed = True

    async def _keepalive(self) -> None:
        """Send PINGs; disconnect if there is no response, so that `_receive` reconnects."""
        while True:
            self._responded = False
            await self._send("PING")
            await asyncio.sleep(KEEPALIVE_SECONDS)
            if not self._responded:
                await self._connection.disconnect(nowait=True)
                return

    async def _send(self, *command: str) -> None:
        """Send without waiting for the response; the receiver notices a broken connection."""
        if self._connection is None or not self._connection.is_connected:
            return
        try:
            await self._connection.send_command(*command, check_health=False)
        except (RedisError, OSError):
            log.debug("Could not send %s to the store.", command[0])

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._asked.clear()
        for channel in self._channels.values():
            if channel.confirmed.done():
                channel.confirmed = asyncio.get_running_loop().create_future()
        await connection.disconnect(nowait=True)
