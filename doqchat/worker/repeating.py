"""Repeating that a process does over and over on a server, which may be unreachable now and then."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from doqchat.errors import DoqchatError
from doqchat.store.outages import outage
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between attempts after a failure; the wait doubles with each."""

FORESEEN = (RedisError, OSError, TimeoutError, DoqchatError)

Step = Callable[[], Awaitable[None]]


class Repeating:
    """All that one part of a process does over and over on one server.

    Args:
        shard: the server.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._failing: dict[Step, str] = {}

    async def repeat(self, step: Step, pause: float, prepare: Step | None = None) -> None:
        """Do a step over and over; after a failure, try again with a growing pause.

        Args:
            step: what to do.
            pause: seconds between two.
            prepare: what has to be done first, and again after a failure; None for nothing.
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
        """Log a failure, unless this step or another has failed for the same reason and not succeeded since."""
        cause = str(error) or type(error).__name__
        if cause not in self._failing.values():
            unforeseen = not isinstance(error, FORESEEN)
            log.warning("The requests in the store cannot be read (%s).", cause, exc_info=unforeseen)
        self._failing[step] = cause
