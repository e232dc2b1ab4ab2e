"""One connection to one server that follows published messages, for as long as anybody listens."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError

from doqchat.errors import Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection, commands

log = logging.getLogger(__name__)

PULSE_SECONDS = 5.0
LONGEST_WAIT = 1.0
"""Seconds between attempts to connect again: short, because readers wait for what they missed."""

_CHUNK = 500


class Subscription:
    """Subscribes to channels, and again to all of them after the connection broke.

    redis-py's PubSub resubscribes as well, but tells nobody that it did, confirms a SUBSCRIBE to nobody, and notices
    a connection that died without a word only when something is sent. The interface is that of channels_redis'
    `RedisSingleShardConnection`.

    Args:
        url: the server.
        deliver: called with the channel's name and the payload of each message, in order.
        on_reconnect: called after all channels are subscribed to again; what was published meanwhile is lost.
    """

    def __init__(self, url: str, deliver: Callable[[str, bytes], None], on_reconnect: Callable[[], None]) -> None:
        self._url = url
        self._deliver = deliver
        self._on_reconnect = on_reconnect
        self._connection: Any = None
        self._commands: Any = None
        self._channels: set[str] = set()
        self._confirmed: set[str] = set()
        self._confirmations: dict[str, asyncio.Future[None]] = {}
        self._receiver: asyncio.Task[None] | None = None
        self._heard = False

    async def publish(self, channel: str, message: bytes) -> None:
        """Publish to all who listen now; raises redis-py's errors."""
        if self._commands is None:
            self._commands = commands(self._url)
        await self._commands.publish(channel, message)

    async def subscribe(self, channel: str) -> None:
        """Listen to a channel; returns when the server has confirmed that nothing will be missed from here on.

        Raises:
            Unavailable: no confirmation came in time. The channel stays wanted until `unsubscribe`.
        """
        self._channels.add(channel)
        if channel in self._confirmed:
            return
        if self._receiver is None:
            self._receiver = asyncio.create_task(self._receive())
        first = channel not in self._confirmations
        confirmation = self._confirmations.setdefault(channel, asyncio.get_running_loop().create_future())
        if first and self._connection is not None:
            await self._send("SUBSCRIBE", channel)
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await asyncio.shield(confirmation)
        except TimeoutError:
            raise Unavailable("The store cannot be reached now; try again.") from None

    async def unsubscribe(self, channel: str) -> None:
        """Listen to a channel no more."""
        if channel in self._channels:
            self._channels.discard(channel)
            self._confirmed.discard(channel)
            self._confirmations.pop(channel, None)
            if self._connection is not None:
                await self._send("UNSUBSCRIBE", channel)

    async def flush(self) -> None:
        """Stop, and forget all channels."""
        if self._receiver is not None:
            self._receiver.cancel()
            await asyncio.wait([self._receiver])
            self._receiver = None
        if self._commands is not None:
            await self._commands.aclose()
            self._commands = None
        self._channels.clear()

    async def _receive(self) -> None:
        wait, broke = 0.05, False
        while True:
            try:
                await self._connect()
                if broke:
                    self._on_reconnect()
                wait, broke = 0.05, True
                await self._read()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("The subscription to the store broke (%s); connecting again.", error)
            finally:
                await self._drop()
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _connect(self) -> None:
        connection = bare_connection(self._url, decode=False)
        async with asyncio.timeout(COMMAND_TIMEOUT):
            await connection.connect()
        self._connection = connection
        wanted = sorted(self._channels)
        for start in range(0, len(wanted), _CHUNK):
            await self._send("SUBSCRIBE", *wanted[start : start + _CHUNK])
        async with asyncio.timeout(COMMAND_TIMEOUT + len(wanted) / 1000):
            while self._channels.intersection(wanted) - self._confirmed:
                await self._read_one()

    async def _read(self) -> None:
        pulse = asyncio.create_task(self._pulse())
        try:
            while True:
                await self._read_one()
        finally:
            pulse.cancel()

    async def _read_one(self) -> None:
        answer = await self._connection.read_response(timeout=math.inf)
        self._heard = True
        kind = answer[0]
        if kind == b"message":
            self._deliver(answer[1].decode(), answer[2])
        elif kind == b"subscribe":
            channel = answer[1].decode()
            if channel in self._channels:
                self._confirmed.add(channel)
            confirmation = self._confirmations.pop(channel, None)
            if confirmation is not None and not confirmation.done():
                confirmation.set_result(None)

    async def _pulse(self) -> None:
        """Ask for a sign of life; cut a connection that gives none, so that reading fails and starts anew."""
        while True:
            self._heard = False
            await self._send("PING")
            await asyncio.sleep(PULSE_SECONDS)
            if not self._heard:
                await self._connection.disconnect(nowait=True)
                return

    async def _send(self, *command: str) -> None:
        """Send without waiting for the answer; a broken connection shows itself to the reader."""
        try:
            await self._connection.send_command(*command, check_health=False)
        except (RedisError, OSError, AttributeError):
            log.debug("Could not send %s to the store.", command[0])

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._confirmed.clear()
        if connection is not None:
            await connection.disconnect(nowait=True)
