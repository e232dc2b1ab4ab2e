"""One connection whose commands of an event-loop turn travel as one write.

An awaited redis-py command costs about 100 µs of CPU; here, what comes up while a batch is under way forms the next
batch, and its answers are read in order without a timer each.
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import NoScriptError, ResponseError

from doqchat.errors import Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection
from doqchat.store.faults import NO_ANSWER, NOT_KNOWN, Uncertain, translate
from doqchat.store.script import Script

Argument = str | int | float | bytes
BATCH = 256
Waiting = tuple[tuple[Argument, ...], "asyncio.Future[Any]"]


class Pipeline:
    """Runs commands and scripts on one server.

    A call either gets the server's answer or raises DoqchatError. When the connection breaks, what was sent hears of
    it at once, and the rest travels over the next one. When the server does not answer, or cannot be reached, all
    that waits hears of it: it would wait as long again.

    Args:
        url: the server.
        batch: how many commands travel together at most.
    """

    def __init__(self, url: str, batch: int = BATCH) -> None:
        self._connection = bare_connection(url)
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._sent = False
        self._batch = batch
        self._clock_offset: float | None = None

    async def run(self, script: Script, keys: Sequence[str], *arguments: Argument, repeat: bool = True) -> Any:
        """Run a script; its answer as the server gives it. Otherwise as `execute`."""
        call = (len(keys), *keys, *arguments)
        try:
            return await self._tried(("EVALSHA", script.digest, *call), repeat)
        except NoScriptError:
            return await self.execute("EVAL", script.text, *call, repeat=repeat)
        except ResponseError as error:
            raise translate(error) from error

    async def execute(self, *command: Argument, repeat: bool = True) -> Any:
        """Run a command; its answer as the server gives it.

        Args:
            command: its name and its arguments.
            repeat: whether it does no harm to run it a second time, as is done when the connection breaks before its
                answer has come.

        Raises:
            Unavailable: the server cannot be reached, cannot take it, or has not answered what can be repeated.
            Uncertain: it was sent, must not be repeated, and its answer has not come.
        """
        try:
            return await self._tried(command, repeat)
        except ResponseError as error:
            raise translate(error) from error

    def post(self, *command: Argument) -> None:
        """Have a command run once, and wait for nothing; it is lost when the server cannot be reached."""
        self._queue(command).add_done_callback(_let_go)

    def deadline(self) -> int:
        """The moment, in ms of the store's clock, at which a caller that starts now stops waiting; first `ready`."""
        return int((asyncio.get_running_loop().time() + (self._clock_offset or 0.0) + COMMAND_TIMEOUT) * 1000)

    async def ready(self) -> None:
        """Connect, if that is not done yet, and read the store's clock.

        Raises:
            Unavailable: the server cannot be reached.
        """
        if self._clock_offset is None:
            await self.execute("PING")

    async def compare_clocks(self) -> None:
        """Read the store's clock anew; raises Unavailable."""
        self._set_clock(await self.execute("TIME"))

    async def close(self) -> None:
        """Drop the connection."""
        self._clock_offset = None
        await self._connection.disconnect(nowait=True)

    def _tried(self, command: tuple[Argument, ...], repeat: bool) -> Awaitable[Any]:
        return self._tried_twice(command) if repeat else self._queue(command)

    async def _tried_twice(self, command: tuple[Argument, ...]) -> Any:
        """Queue a command, and again when the connection broke; not when its time was up."""
        try:
            return await self._queue(command)
        except Uncertain as error:
            if isinstance(error.__cause__, TimeoutError):
                raise Unavailable(NO_ANSWER) from error
        try:
            return await self._queue(command)
        except Uncertain as error:
            raise Unavailable(NO_ANSWER) from error

    def _queue(self, command: tuple[Argument, ...]) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                try:
                    async with asyncio.timeout(COMMAND_TIMEOUT):
                        await self._exchange(batch)
                except BaseException as error:
                    await self._fail(batch, error)
                    if isinstance(error, asyncio.CancelledError):
                        raise
        finally:
            self._flusher = None

    async def _exchange(self, batch: list[Waiting]) -> None:
        self._sent = False
        connection = self._connection
        if connection.is_connected and await connection.can_read():
            # Nothing was asked: this is the end of a connection that the server has closed.
            await self.close()
        if not connection.is_connected:
            await self._connect()
        packed = [hiredis.pack_command(cast(Any, command)) for command, _ in batch]
        self._sent = True
        await connection.send_packed_command(packed, check_health=False)
        for _, future in batch:
            try:
                answer = await connection.read_response(timeout=math.inf)
            except ResponseError as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(answer)

    async def _connect(self) -> None:
        await self._connection.connect()
        await self._connection.send_command("TIME", check_health=False)
        self._set_clock(await self._connection.read_response(timeout=math.inf))

    def _set_clock(self, time: Sequence[str]) -> None:
        seconds, microseconds = time
        # Compared after the answer came: an offset that is too small makes deadlines early, which is the safe side.
        self._clock_offset = int(seconds) + int(microseconds) / 1e6 - asyncio.get_running_loop().time()

    async def _fail(self, batch: list[Waiting], error: BaseException) -> None:
        await self.close()
        _raise_in(batch, error, sent=self._sent)
        if not (self._sent and isinstance(error, StoreConnectionError)):
            unsent, self._waiting = self._waiting, []
            _raise_in(unsent, error, sent=False)


def _raise_in(waiting: list[Waiting], error: BaseException, *, sent: bool) -> None:
    """Tell those who wait that their commands get no answer, and why."""
    for _, future in waiting:
        if not future.done():
            problem = Uncertain(NOT_KNOWN) if sent else translate(error)
            problem.__cause__ = error
            future.set_exception(problem)


def _let_go(answer: "asyncio.Future[Any]") -> None:
    """Take the outcome of what nobody waits for; that the server refuses a command is logged."""
    if not answer.cancelled() and (error := answer.exception()) is not None:
        translate(error)
