"""One connection whose commands of an event-loop turn travel as one write.

An awaited redis-py command costs about 100 µs of CPU; here, what comes up while a batch is under way forms the next
batch, and its answers are read in order without a timer each.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.exceptions import NoScriptError, ResponseError

from doqchat.store.clients import COMMAND_TIMEOUT, bare_connection
from doqchat.store.faults import STORED_NOTHING, Uncertain, translate
from doqchat.store.script import Script

Argument = str | int | float
BATCH = 256
Waiting = tuple[tuple[Argument, ...], "asyncio.Future[Any]"]


class Pipeline:
    """Runs commands and scripts on one server.

    A call either gets the server's answer or raises DoqchatError. When the connection breaks, all that waits hears
    of it at once: `Uncertain` for what was sent, `Unavailable` for the rest. The next call connects anew.

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

    async def run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script; its answer as the server gives it."""
        call = (len(keys), *keys, *arguments)
        try:
            return await self._queue(("EVALSHA", script.digest, *call))
        except NoScriptError:
            return await self.execute("EVAL", script.text, *call)
        except ResponseError as error:
            raise translate(error) from error

    async def execute(self, *command: Argument) -> Any:
        """Run a command; its answer as the server gives it."""
        try:
            return await self._queue(command)
        except ResponseError as error:
            raise translate(error) from error

    def deadline(self) -> int:
        """The moment, in ms of the store's clock, at which a caller that starts now stops waiting; first `ready`."""
        return int((asyncio.get_running_loop().time() + (self._clock_offset or 0.0) + COMMAND_TIMEOUT) * 1000)

    async def ready(self) -> None:
        """Connect, if that is not done yet, and read the store's clock.

        Raises:
            Unavailable: the server cannot be reached.
        """
        if self._clock_offset is None or not self._connection.is_connected:
            await self.execute("PING")

    async def compare_clocks(self) -> None:
        """Read the store's clock anew; raises Unavailable."""
        self._set_clock(await self.execute("TIME"))

    async def close(self) -> None:
        """Drop the connection."""
        await self._connection.disconnect(nowait=True)

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
        if not self._connection.is_connected:
            await self._connect()
        self._sent = True
        packed = [hiredis.pack_command(cast(Any, command)) for command, _ in batch]
        await self._connection.send_packed_command(packed, check_health=False)
        for _, future in batch:
            try:
                answer = await self._connection.read_response(timeout=math.inf)
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
        # Read after the answer came: an offset that is too small makes deadlines early, which is the safe side.
        self._clock_offset = int(seconds) + int(microseconds) / 1e6 - asyncio.get_running_loop().time()

    async def _fail(self, batch: list[Waiting], error: BaseException) -> None:
        """Tell everybody who waits, also those whose turn has not come: they would wait as long again."""
        await self._connection.disconnect(nowait=True)
        self._clock_offset = None
        unsent, self._waiting = self._waiting, []
        for waiting, sent in ((batch, self._sent), (unsent, False)):
            for _, future in waiting:
                if not future.done():
                    future.set_exception(Uncertain(STORED_NOTHING) if sent else translate(error))
