"""One connection to one server, opened on demand, and the offset of the server's clock."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection

Argument = str | int | float | bytes
Command = tuple[Argument, ...]

AWAKE_SECONDS = 0.05
"""How long a server counts as responsive after a response: a few iterations of a busy event loop. Checking it costs
a round trip."""


class LastSeen:
    """When a server last responded on any of the connections that share this, in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.at = 0.0


class ResponseProtocol(asyncio.Protocol):
    """Parses the responses on a connection that redis-py has opened, and passes them to `take` one by one.

    A StreamReader would wake a task for each response, one iteration of the event loop later.

    Args:
        decode: whether responses are decoded to text.

    Attributes:
        ended: whether the connection was closed or an error has ended it.
    """

    def __init__(self, *, decode: bool) -> None:
        self.ended = False
        self.transport: asyncio.Transport | None = None
        encoding = {"encoding": "utf-8", "errors": "replace"} if decode else {}
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=BaseParser.parse_error, **encoding)

    def take_over(self, connection: Any) -> None:
        """Become the protocol of the connection, when redis-py awaits no more responses on it."""
        transport: asyncio.Transport = connection._writer.transport
        self.transport = transport
        transport.set_protocol(self)
        if transport.is_closing():  # connection_lost may have been called before
            self.end(StoreConnectionError("The connection to the store was closed during setup."))

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._reader.feed(data)
        self.go_on()

    def go_on(self) -> None:
        """Pass complete responses to `take`."""
        try:
            while (answer := self._reader.gets()) is not False and self.take(answer):
                pass
        except Exception as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a ConnectionError."""
        self.end(StoreConnectionError(f"The connection to the store was lost: {exc or 'it was closed'}."))

    def take(self, answer: Any) -> bool:
        """Handle a response, which may be an exception; returns whether to pass the next one immediately."""
        raise NotImplementedError

    def end(self, error: Exception) -> None:
        """Handle the end of the connection."""
        self.ended = True


class Responses(ResponseProtocol):
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


class Connection:
    """A connection; calls raise redis-py's errors and OSError, and have no timeout.

    Args:
        url: the server.
        last_seen: records when the server last responded.
        ask_first: whether to send a PING first if the server has not responded for AWAKE_SECONDS. A stalled server may
            run the commands it has received when it resumes, so their outcome is unknown; commands that were not sent
            certainly do not run.
    """

    def __init__(self, url: str, last_seen: LastSeen, *, ask_first: bool) -> None:
        self._connection: Any = bare_connection(url)
        self._responses: Responses | None = None
        self._last_seen = last_seen
        self._ask_first = ask_first
        self._clock_offset: float | None = None

    async def open(self) -> None:
        """Connect, or reconnect if the connection is closed."""
        if self._responses is not None and self._responses.ended:
            await self.close()
        if self._responses is not None and self._ask_first and time.monotonic() > self._last_seen.at + AWAKE_SECONDS:
            await self._ping()
        if self._responses is None:
            await self._connection.connect()
            self._responses = Responses()
            self._responses.take_over(self._connection)
            self.compare_clocks(await self._ask("TIME"))

    async def exchange(self, commands: Iterable[Command], answers: Sequence["asyncio.Future[Any]"]) -> None:
        """Send commands in one write; returns when every future has its response or error reply."""
        if self._responses is None or self._responses.transport is None:
            raise StoreConnectionError("Not connected to the store.")
        awaited = self._responses.expect(answers)
        self._responses.transport.write(b"".join(hiredis.pack_command(cast(Any, command)) for command in commands))
        await awaited
        self._last_seen.at = time.monotonic()

    async def close(self) -> None:
        """Close the connection and discard the clock offset."""
        self._clock_offset = None
        self._responses = None
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
