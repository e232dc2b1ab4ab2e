"""What the log says of a server that cannot be used: a line when that begins, and one when it is over.

What fails meanwhile may be every message; each failure is told to whoever caused it, and only counted here.
"""

import asyncio
import logging
from time import monotonic

from redis.exceptions import RedisError

from doqchat.store.causes import AWAY, AWAY_CAUSES, Cause, cause_of
from doqchat.store.clients import commands, place
from doqchat.store.script import load

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often a server that cannot be used is asked whether it takes writes again."""

TAKES_WRITES = load("takes_writes")
"""Does nothing; a server that takes no writes refuses it and says why."""


class Outage:
    """Of one server, for the whole process.

    Args:
        url: the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._watch: asyncio.Task[None] | None = None

    def note(self, error: BaseException | None) -> bool:
        """Take a failure; whether it means that the server cannot be used, and the log says so or will.

        Args:
            error: what redis-py or the event loop has raised, or an error that was raised from it.
        """
        cause = cause_of(error) or cause_of(error.__cause__ if error else None)
        if cause is not None and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._until_it_takes_writes(cause))
        return cause is not None

    async def _until_it_takes_writes(self, cause: Cause) -> None:
        began, told = monotonic(), None
        # One connection that broke says little of the server: only asking tells. A refusal speaks for itself.
        current = await self._cause() if cause in AWAY_CAUSES else cause
        while current is not None:
            if current is not told and not {current, told} <= AWAY_CAUSES:
                log.error("The store at %s %s. %s", place(self._url), current.problem, current.remedy)
                told = current
            await asyncio.sleep(LOOK_SECONDS)
            current = await self._cause()
        if told is not None:
            log.warning("The store at %s takes writes again, after %d s.", place(self._url), monotonic() - began)

    async def _cause(self) -> Cause | None:
        """Why the server takes no writes now; None when it does."""
        async with commands(self._url) as client:
            try:
                await TAKES_WRITES(client, [])
            except (RedisError, *AWAY) as error:
                return cause_of(error)
        return None


_outages: dict[str, Outage] = {}


def outage(url: str) -> Outage:
    """What the log says of a server: the same object for all of the process that talk to it."""
    return _outages.setdefault(url, Outage(url))
