"""Logs outages of a server: one line at the beginning and one at the end.

The failures in between are reported to their callers, and not logged.
"""

import asyncio
import logging
from contextvars import Context
from time import monotonic

from redis.exceptions import RedisError

from doqchat.store.causes import AWAY, AWAY_CAUSES, Cause, cause_of
from doqchat.store.clients import commands, place
from doqchat.store.script import load

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Interval at which an unusable server is probed."""

TAKES_WRITES = load("takes_writes")
"""Does nothing; a server that refuses writes rejects it with the reason."""


class Outage:
    """The outage of one server, for the whole process.

    Args:
        url: the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._watch: asyncio.Task[None] | None = None

    def note(self, error: BaseException | None) -> bool:
        """Record a failure; whether it means that the server is unusable, which is then logged here.

        Args:
            error: an exception of redis-py or the event loop, or one that was raised from it.
        """
        cause = cause_of(error) or cause_of(error.__cause__ if error else None)
        if cause is not None and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._log_until_writable(cause), context=Context())
        return cause is not None

    async def _log_until_writable(self, cause: Cause) -> None:
        began, logged = monotonic(), None
        # One broken connection is no outage yet, so the server is probed. An error reply is certain.
        current = await self._probe() if cause in AWAY_CAUSES else cause
        while current is not None:
            if current is not logged and not {current, logged} <= AWAY_CAUSES:
                log.error("The store at %s %s. %s", place(self._url), current.problem, current.remedy)
                logged = current
            await asyncio.sleep(LOOK_SECONDS)
            current = await self._probe()
        if logged is not None:
            log.warning("The store at %s accepts writes again, after %d s.", place(self._url), monotonic() - began)

    async def _probe(self) -> Cause | None:
        """Probe the server: why it refuses writes, or None."""
        async with commands(self._url) as client:
            try:
                await TAKES_WRITES(client, [])
            except (RedisError, *AWAY) as error:
                return cause_of(error)
        return None


_outages: dict[str, Outage] = {}


def outage(url: str) -> Outage:
    """The outage of a server; one object per server and process."""
    return _outages.setdefault(url, Outage(url))
