"""One connection whose commands of an event-loop turn travel as one write.

An awaited redis-py command costs about 100 µs of CPU; here, what comes up while a batch is under way forms the next
batch, and its answers are read in order without a timer each.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import NoScriptError, ResponseError

from doqchat.errors import DoqchatError, Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.faults import NO_ANSWER, NOT_KNOWN, TIMED_OUT, Uncertain, translate
from doqchat.store.link import Argument, Command, Heard, Link
from doqchat.store.outages import outage
from doqchat.store.script import Script

BATCH = 256

REST_SECONDS = 0.25
"""For how long nothing is asked of a server that has not answered in time: one frame of a connection is taken after the
other, and each would wait as long again."""

Waiting = tuple[Command, "asyncio.Future[Any]"]


class Pipeline:
    """Runs commands and scripts on one server.

    A call either gets the server's answer or raises DoqchatError. When the connection breaks, what was sent hears of
    it at once, and the rest travels over the next one. When the server does not answer, or cannot be reached, all
    that waits hears of it: it would wait as long again.

    Args:
        url: the server.
        heard: where it is noted when the server has answered, for others that talk to it; None notes it here alone.
        batch: how many commands travel together at most.
        ask_first: whether an idle server is asked for a sign of life before it is sent a batch (see Link).
    """

    def __init__(self, url: str, heard: Heard | None = None, *, batch: int = BATCH, ask_first: bool = False) -> None:
        self._outage = outage(url)
        self._link = Link(url, heard or Heard(), ask_first=ask_first)
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._sent = False
        self._batch = batch
        self._rests_until = 0.0

    async def run(self, script: Script, keys: Sequence[str], repeat: bool = True, **given: Any) -> Any:
        """Run a script with named fields; its answer as the server gives it. Otherwise as `execute`."""
        call = script.call(keys, **given)
        try:
            return await (self._tried_twice if repeat else self._queue)(("EVALSHA", script.digest, *call))
        except NoScriptError:
            return await self.execute("EVAL", script.text, *call, repeat=repeat)
        except ResponseError as error:
            raise self._translated(error) from error

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
            return await (self._tried_twice if repeat else self._queue)(command)
        except ResponseError as error:
            raise self._translated(error) from error

    def post(self, *command: Argument, lost: Callable[[], object] | None = None) -> None:
        """Have a command run once, and wait for nothing; it is lost when the server cannot be reached.

        Args:
            command: its name and its arguments.
            lost: called when it was not run, or that is not known.
        """

        def take(answer: "asyncio.Future[Any]") -> None:
            self._let_go(answer)
            if lost is not None and (answer.cancelled() or answer.exception() is not None):
                lost()

        self._queue(command).add_done_callback(take)

    def post_script(self, script: Script, keys: Sequence[str], **given: Any) -> None:
        """Have a script run once, and wait for nothing; as `post`."""
        call = script.call(keys, **given)

        def take(answer: "asyncio.Future[Any]") -> None:
            if not answer.cancelled() and isinstance(answer.exception(), NoScriptError):
                self.post("EVAL", script.text, *call)
            else:
                self._let_go(answer)

        self._queue(("EVALSHA", script.digest, *call)).add_done_callback(take)

    def deadline(self) -> int:
        """The moment, in ms of the store's clock, at which a caller that starts now stops waiting; first `ready`."""
        return self._link.deadline()

    async def ready(self) -> None:
        """Connect, if that is not done yet, and read the store's clock.

        Raises:
            Unavailable: the server cannot be reached.
        """
        if not self._link.knows_clock:
            await self.execute("PING")

    async def compare_clocks(self) -> None:
        """Read the store's clock anew; raises Unavailable."""
        self._link.compare_clocks(await self.execute("TIME"))

    async def close(self) -> None:
        """Drop the connection when all that was posted is done or lost."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])
        await self._link.close()

    def _translated(self, error: BaseException) -> DoqchatError:
        self._outage.note(error)
        return translate(error)

    def _let_go(self, answer: "asyncio.Future[Any]") -> None:
        """Take the outcome of what nobody waits for; that the server refuses a command is logged."""
        if not answer.cancelled() and (error := answer.exception()) is not None:
            self._translated(error)

    async def _tried_twice(self, command: Command) -> Any:
        """Queue a command, and again when the connection broke; not when its time was up."""
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
            self._flusher = asyncio.create_task(self._flush())
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
            raise TimeoutError("The store did not answer in time a moment ago.")
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                await self._exchange(batch)
        except TimeoutError:
            self._rests_until = loop.time() + REST_SECONDS
            raise

    async def _exchange(self, batch: list[Waiting]) -> None:
        await self._link.open()
        self._sent = True
        await self._link.exchange([command for command, _ in batch], [answer for _, answer in batch])

    async def _fail(self, batch: list[Waiting], error: BaseException) -> None:
        await self._link.close()
        self._outage.note(error)
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
