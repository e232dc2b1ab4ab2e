"""Background tasks: steps that are repeated with exponential backoff, and how tasks are cancelled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError

from doqchat.errors import DoqchatError
from doqchat.store.outages import outage
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between attempts after a failure; the wait doubles with each."""

EXPECTED = (RedisError, OSError, TimeoutError, DoqchatError)

Step = Callable[[], Awaitable[None]]


class Repeating:
    """Repeats the steps of one component on one server.

    Args:
        shard: the server.
        doing: what they do, for the log.
    """

    def __init__(self, shard: Shard, doing: str = "Reading requests from the store") -> None:
        self._shard = shard
        self._doing = doing
        self._failing: dict[Step, str] = {}

    async def repeat(self, step: Step, pause: float, prepare: Step | None = None) -> None:
        """Repeat a step until cancelled; after a failure, retry with exponential backoff.

        Args:
            step: the step.
            pause: seconds between two runs.
            prepare: called before the first run and after a failure; None for nothing.
        """
        wait, prepared = FIRST_WAIT, prepare is None
        while True:
            try:
                if prepare is not None and not prepared:
                    await prepare()
                    prepared = True
                await step()
                wait = FIRST_WAIT
                self._failing.pop(step, None)
                await asyncio.sleep(pause)
            except Exception as error:
                prepared = False
                if not outage(self._shard.url).note(error):
                    self._log_once(step, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    def _log_once(self, step: Step, error: Exception) -> None:
        """Log a failure, unless a step is already failing for the same reason."""
        cause = str(error) or type(error).__name__
        if cause not in self._failing.values():
            unexpected = not isinstance(error, EXPECTED)
            log.warning("%s failed, retrying: %s", self._doing, cause, exc_info=unexpected)
        self._failing[step] = cause


async def cancel_and_wait(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel tasks repeatedly until they have ended, including tasks that are added to the sequence meanwhile.

    Cancelling once may not be enough: up to Python 3.11 `asyncio.wait_for`, which libraries use, swallows a
    cancellation that arrives when its future is done.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.1)
