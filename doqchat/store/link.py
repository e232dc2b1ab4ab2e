"""One connection to one server, made when it is needed, and how the server's clock stands to ours."""

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
"""For how long a server that has answered is taken to be awake: some turns of the event loop of a busy process. The
question costs each message a round trip."""


class Heard:
    """When a server last answered on any of the connections that share this, in seconds of time.monotonic()."""

    def __init__(self) -> None:
        self.at = 0.0


class Answers(Received):
    """Hands the server's answers to those who wait for them, in the order of the commands."""

    def __init__(self) -> None:
        super().__init__(decode=True)
        self._awaited: deque[asyncio.Future[Any]] = deque()
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, answers: Sequence["asyncio.Future[Any]"]) -> "asyncio.Future[None]":
        """Have these set to the next answers; the result is done when all of them are there.

        It raises redis-py's ConnectionError when the connection ends before, and InvalidResponse for what is none.
        """
        self._all = asyncio.get_running_loop().create_future()
        self._awaited.extend(answers)
        if self.ended:
            self.end(StoreConnectionError("The connection to the store has ended."))
        return self._all

    def take(self, answer: Any) -> bool:
        if not self._awaited:
            raise InvalidResponse(f"an answer to nothing: {answer!r:.100}")
        if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
            raise answer  # the server refuses everything, as while it loads its data
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
            self._all.exception()  # nobody may wait for it


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
        self._connection: Any = bare_connection(url)
        self._answers: Answers | None = None
        self._heard = heard
        self._ask_first = ask_first
        self._clock_offset: float | None = None

    async def open(self) -> None:
        """Return when what is sent reaches the server: a connection that is broken is made anew."""
        if self._answers is not None and self._answers.ended:
            await self.close()
        if self._answers is not None and self._ask_first and time.monotonic() > self._heard.at + AWAKE_SECONDS:
            await self._wait_for_a_sign()
        if self._answers is None:
            await self._connection.connect()
            self._answers = Answers()
            self._answers.take_over(self._connection)
            self.compare_clocks(await self._ask("TIME"))

    async def exchange(self, commands: Iterable[Command], answers: Sequence["asyncio.Future[Any]"]) -> None:
        """Send commands as one write; returns when each of the futures has its answer, or the server's refusal."""
        if self._answers is None or self._answers.transport is None:
            raise StoreConnectionError("There is no connection to the store.")
        awaited = self._answers.expect(answers)
        self._answers.transport.write(b"".join(hiredis.pack_command(cast(Any, command)) for command in commands))
        await awaited
        self._heard.at = time.monotonic()

    async def close(self) -> None:
        """Drop the connection, and what was known of the server's clock."""
        self._clock_offset = None
        self._answers = None
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
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await self.exchange([(command,)], [answer])
        return answer.result()
