"""One connection that batches the commands of an event-loop iteration into one write.

An awaited redis-py command costs about 100 µs of CPU. Here, commands queued while a batch is in flight form the next
batch, and responses need no timer of their own.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import NoScriptError, ResponseError

from doqchat.errors import DoqchatError, Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.connection import Argument, Command, Connection, LastSeen
from doqchat.store.faults import NO_ANSWER, NOT_KNOWN, TIMED_OUT, Uncertain, translate
from doqchat.store.outages import outage
from doqchat.store.script import Script

BATCH = 256

REST_SECONDS = 0.25
"""How long commands fail immediately after a timeout. A connection's frames are processed one at a time, and each would
wait for another timeout."""

CLOSE_SECONDS = 0.3
"""How long closing may take: a store that does not respond must not keep a process from ending."""

Waiting = tuple[Command, "asyncio.Future[Any]"]


class Pipeline:
    """Runs commands and scripts on one server.

    A call returns the server's response or raises DoqchatError. If the connection breaks, commands that were sent fail
    at once, and queued ones are sent over the next connection. If the server does not respond or is unreachable, queued
    commands fail as well, instead of waiting for another timeout.

    Args:
        url: the server.
        last_seen: records when the server last responded, shared with other pipelines; None to share it with none.
        batch: maximum number of commands per write.
        ask_first: whether to send a PING to an idle server before a batch (see Connection).
    """

    def __init__(
        self, url: str, last_seen: LastSeen | None = None, *, batch: int = BATCH, ask_first: bool = False
    ) -> None:
        self._outage = outage(url)
        self._connection = Connection(url, last_seen or LastSeen(), ask_first=ask_first)
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._sent = False
        self._batch = batch
        self._rests_until = 0.0

    async def run(self, script: Script, keys: Sequence[str], repeat: bool = True, **given: Any) -> Any:
        """Run a script with named fields and return the response. Otherwise like `execute`."""
        call = script.call(keys, **given)
        try:
            return await (self._with_retry if repeat else self._queue)(("EVALSHA", script.digest, *call))
        except NoScriptError:
            return await self.execute("EVAL", script.text, *call, repeat=repeat)
        except ResponseError as error:
            raise self._translated(error) from error

    async def execute(self, *command: Argument, repeat: bool = True) -> Any:
        """Run a command and return the response.

        Args:
            command: its name and arguments.
            repeat: whether the command is idempotent; then it is retried once if the connection breaks.

        Raises:
            Unavailable: the server is unreachable or refuses the command, or did not respond to an idempotent one.
            Uncertain: a command that is not idempotent was sent and got no response.
        """
        try:
            return await (self._with_retry if repeat else self._queue)(command)
        except ResponseError as error:
            raise self._translated(error) from error

    def post(self, *command: Argument, lost: Callable[[], object] | None = None) -> None:
        """Send a command without waiting for the response; it is lost if the server is unreachable.

        Args:
            command: its name and arguments.
            lost: called if the command failed or its outcome is unknown.
        """

        def take(answer: "asyncio.Future[Any]") -> None:
            self._consume(answer)
            if lost is not None and (answer.cancelled() or answer.exception() is not None):
                lost()

        self._queue(command).add_done_callback(take)

    def post_script(self, script: Script, keys: Sequence[str], **given: Any) -> None:
        """Send a script without waiting for the response, like `post`."""
        call = script.call(keys, **given)

        def take(answer: "asyncio.Future[Any]") -> None:
            if not answer.cancelled() and isinstance(answer.exception(), NoScriptError):
                self.post("EVAL", script.text, *call)
            else:
                self._consume(answer)

        self._queue(("EVALSHA", script.digest, *call)).add_done_callback(take)

    def deadline(self) -> int:
        """The deadline of a command sent now, in ms of the store's clock. Requires `ready`."""
        return self._connection.deadline()

    async def ready(self) -> None:
        """Connect if necessary, and read the store's clock.

        Raises:
            Unavailable: the server is unreachable.
        """
        if not self._connection.knows_clock:
            await self.execute("PING")

    async def compare_clocks(self) -> None:
        """Read the store's clock again; raises Unavailable."""
        self._connection.compare_clocks(await self.execute("TIME"))

    async def time(self) -> float:
        """The store's clock, in seconds since 1970; raises Unavailable."""
        seconds, microseconds = await self.execute("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def close(self) -> None:
        """Drop the connection, after at most CLOSE_SECONDS for what was posted."""
        if self._flusher is not None:
            await asyncio.wait([self._flusher], timeout=CLOSE_SECONDS)
        await self._connection.close()

    def _translated(self, error: BaseException) -> DoqchatError:
        self._outage.note(error)
        return translate(error)

    def _consume(self, answer: "asyncio.Future[Any]") -> None:
        """Consume the outcome of a posted command; log an error reply."""
        if not answer.cancelled() and (error := answer.exception()) is not None:
            self._translated(error)

    async def _with_retry(self, command: Command) -> Any:
        """Run a command, and retry it once if the connection broke, but not after a timeout."""
        try:
            return await self._queue(command)
        except Uncertain as error:
            if isinstance(error.__cause__, TimeoutError):
                raise Unavailable(TIMED_OUT) from error
        try:
            return await self._queue(command)
        except Uncertain as error:
            raise Unavailable(NO_ANSWER) from error

    def _queue(self, command: Command) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), context=Context())  # it may serve others
        return future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                try:
                    await self._attempt(batch)
                except BaseException as error:
                    await self._fail(batch, error)
                    if isinstance(error, asyncio.CancelledError):
                        raise
        finally:
            self._flusher = None

    async def _attempt(self, batch: list[Waiting]) -> None:
        self._sent = False
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise TimeoutError("The store did not respond to a recent command.")
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await self._exchange(batch)
        except TimeoutError:
            self._rests_until = loop.time() + REST_SECONDS
            raise

    async def _exchange(self, batch: list[Waiting]) -> None:
        await self._connection.open()
        self._sent = True
        await self._connection.exchange([command for command, _ in batch], [answer for _, answer in batch])

    async def _fail(self, batch: list[Waiting], error: BaseException) -> None:
        await self._connection.close()
        self._outage.note(error)
        _fail_futures(batch, error, sent=self._sent)
        if not (self._sent and isinstance(error, StoreConnectionError)):
            unsent, self._waiting = self._waiting, []
            _fail_futures(unsent, error, sent=False)


def _fail_futures(waiting: list[Waiting], error: BaseException, *, sent: bool) -> None:
    """Fail the futures of commands that get no response."""
    for _, future in waiting:
        if not future.done():
            problem = Uncertain(NOT_KNOWN) if sent else translate(error)
            problem.__cause__ = error
            future.set_exception(problem)
