"""One connection to one server, opened on demand, and the offset of the server's clock."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection
from doqchat.store.received import Received

Argument = str | int | float | bytes
Command = tuple[Argument, ...]

AWAKE_SECONDS = 0.05
"""How long a server counts as responsive after a response: a few iterations of a busy event loop. Checking it costs
a round trip."""


class Heard:
    """When a server last responded on any of the connections that share this, in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.at = 0.0


class Answers(Received):
    """Resolves the futures of commands with the server's responses, in order."""

    def __init__(self) -> None:
        super().__init__(decode=True)
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, answers: Sequence["asyncio.Future[Any]"]) -> "asyncio.Future[None]":
        """Resolve these futures with the next responses; the returned future is done when all of them are.

        It raises redis-py's ConnectionError if the connection is closed first, and InvalidResponse for a malformed
        response.
        """
        self._all = asyncio.get_running_loop().create_future()
        self._awaited.extend(answers)
        if self.ended:
            self.end(StoreConnectionError("The connection to the store is closed."))
        return self._all

    def take(self, answer: Any) -> bool:
        if not self._awaited:
            raise InvalidResponse(f"unexpected response: {answer!r:.100}")
        if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
            raise answer  # the server refuses all commands, for example while it loads its data
        awaited = self._awaited.popleft()
        if not awaited.done():
            if isinstance(answer, ResponseError):
                awaited.set_exception(answer)
            else:
                awaited.set_result(answer)
        if not self._awaited and not self._all.done():
            self._all.set_result(None)
        return True

    def end(self, error: Exception) -> None:
        super().end(error)
        self._awaited.clear()
        if not self._all.done():
            self._all.set_exception(error)
            self._all.exception()  # it may not be awaited


class Link:
    """A connection; calls raise redis-py's errors and OSError, and have no timeout.

    Args:
        url: the server.
        heard: records when the server last responded.
        ask_first: whether to send a PING first if the server has not responded for AWAKE_SECONDS. A stalled server may
            run the commands it has received when it resumes, so their outcome is unknown; commands that were not sent
            certainly do not run.
    """

    def __init__(self, url: str, heard: Heard, *, ask_first: bool) -> None:
        self._connection: Any = bare_connection(url)
        self._answers: Answers | None = None
        self._heard = heard
        self._ask_first = ask_first
        self._clock_offset: float | None = None

    async def open(self) -> None:
        """Connect, or reconnect if the connection is closed."""
        if self._answers is not None and self._answers.ended:
            await self.close()
        if self._answers is not None and self._ask_first and time.monotonic() > self._heard.at + AWAKE_SECONDS:
            await self._ping()
        if self._answers is None:
            await self._connection.connect()
            self._answers = Answers()
            self._answers.take_over(self._connection)
            self.compare_clocks(await self._ask("TIME"))

    async def exchange(self, commands: Iterable[Command], answers: Sequence["asyncio.Future[Any]"]) -> None:
        """Send commands in one write; returns when every future has its response or error reply."""
        if self._answers is None or self._answers.transport is None:
            raise StoreConnectionError("Not connected to the store.")
        awaited = self._answers.expect(answers)
        self._answers.transport.write(b"".join(hiredis.pack_command(cast(Any, command)) for command in commands))
        await awaited
        self._heard.at = time.monotonic()

    async def close(self) -> None:
        """Close the connection and discard the clock offset."""
        self._clock_offset = None
        self._answers = None
        await self._connection.disconnect(nowait=True)

    @property
    def knows_clock(self) -> bool:
        """Whether the clock offset is known for this connection."""
        return self._clock_offset is not None

    def compare_clocks(self, answer: Sequence[str]) -> None:
        """Set the clock offset from a response to TIME."""
        seconds, microseconds = answer
        # Read after the response has arrived: an offset that is too small makes deadlines early, which is safe.
        self._clock_offset = int(seconds) + int(microseconds) / 1e6 - time.monotonic()

    def deadline(self) -> int:
        """The deadline of a command sent now, in ms of the server's clock."""
        return int((time.monotonic() + (self._clock_offset or 0.0) + COMMAND_TIMEOUT) * 1000)

    async def _ping(self) -> None:
        """Wait until the server responds; close the connection if it is broken."""
        try:
            await self._ask("PING")
        except (StoreConnectionError, ConnectionError):
            await self.close()

    async def _ask(self, command: str) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.exchange([(command,)], [answer])
        return answer.result()
