"""One connection to one server, made when it is needed, and how the server's clock stands to ours."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import ConnectionError as StoreConnectionError

from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection

Argument = str | int | float | bytes
Command = tuple[Argument, ...]

AWAKE_SECONDS = 0.05
"""For how long a server that has answered is taken to be awake: some turns of the event loop of a busy process. The
question costs each message a round trip."""


class Heard:
    """When a server last answered on any of the connections that share this, in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.at = 0.0


class Link:
    """A connection; calls raise redis-py's errors and OSError, and wait without bound.

    Args:
        url: the server.
        heard: where it is noted that the server has answered.
        ask_first: whether a server that was silent for AWAKE_SECONDS is asked for a sign of life before it is sent
            anything. What one that has stopped gets may be carried out when it goes on, and until then nobody knows;
            what it did not get certainly is not.
    """

    def __init__(self, url: str, heard: Heard, *, ask_first: bool) -> None:
        self._connection = bare_connection(url)
        self._heard = heard
        self._ask_first = ask_first
        self._clock_offset: float | None = None

    async def open(self) -> None:
        """Return when what is sent reaches the server: a connection that is broken is made anew."""
        connection = self._connection
        if connection.is_connected and await connection.can_read():
            # Nothing was asked: this is the end of a connection that the server has closed.
            await self.close()
        if connection.is_connected and self._ask_first and time.monotonic() > self._heard.at + AWAKE_SECONDS:
            await self._wait_for_a_sign()
        if not connection.is_connected:
            await connection.connect()
            self.compare_clocks(await self._ask("TIME"))

    async def send(self, commands: Iterable[Command]) -> None:
        """Send commands as one write."""
        packed = [hiredis.pack_command(cast(Any, command)) for command in commands]
        await self._connection.send_packed_command(packed, check_health=False)

    async def receive(self) -> Any:
        """The next answer."""
        answer = await self._connection.read_response(timeout=math.inf)
        self._heard.at = time.monotonic()
        return answer

    async def close(self) -> None:
        """Drop the connection, and what was known of the server's clock."""
        self._clock_offset = None
        await self._connection.disconnect(nowait=True)

    @property
    def knows_clock(self) -> bool:
        """Whether the server's clock was compared with ours on this connection."""
        return self._clock_offset is not None

    def compare_clocks(self, answer: Sequence[str]) -> None:
        """Take the server's answer to TIME."""
        seconds, microseconds = answer
        # Compared after the answer came: an offset that is too small makes deadlines early, which is the safe side.
        self._clock_offset = int(seconds) + int(microseconds) / 1e6 - time.monotonic()

    def deadline(self) -> int:
        """The moment, in ms of the server's clock, at which a caller that starts now stops waiting."""
        return int((time.monotonic() + (self._clock_offset or 0.0) + COMMAND_TIMEOUT) * 1000)

    async def _wait_for_a_sign(self) -> None:
        """Return when the server is awake, or the connection turned out to be broken; it is dropped then."""
        try:
            await self._ask("PING")
        except (StoreConnectionError, ConnectionError):
            await self.close()

    async def _ask(self, command: str) -> Any:
        await self.send([(command,)])
        return await self.receive()
