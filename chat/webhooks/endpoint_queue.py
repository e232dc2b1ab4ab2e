"""The sessions of one endpoint with pending deliveries: several at once, each by one task at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from heapq import heapify, heappop, heappush

from doqchat.errors import DoqchatError
from doqchat.worker.background import cancel_and_wait

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Sessions of an endpoint whose webhooks are sent concurrently."""

FAILED_SECONDS = 5.0
"""Wait after a failure that is not the endpoint's, such as of the database."""

Deliver = Callable[[str], Awaitable[float | None]]


class EndpointQueue:
    """Calls `deliver` for the sessions of an endpoint.

    Args:
        deliver: sends what is due of a session; returns the seconds until it is to be called again, None for never.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._due: list[tuple[float, str]] = []
        self._known: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def add(self, sids: Iterable[str]) -> None:
        """Add sessions, unless they are there; those that are being sent are called again."""
        now = asyncio.get_running_loop().time()
        for sid in sids:
            if sid in self._known:
                self._again.add(sid)
            else:
                self._known.add(sid)
                heappush(self._due, (now, sid))
        self._start()

    def hurry(self, sids: Collection[str]) -> None:
        """Call those sessions now that wait until later."""
        now = asyncio.get_running_loop().time()
        self._due = [(min(at, now) if sid in sids else at, sid) for at, sid in self._due]
        heapify(self._due)
        self._start()

    async def stop(self) -> None:
        """Cancel what is sent."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        await cancel_and_wait(list(self._tasks))

    def _start(self) -> None:
        """Start the sessions that are due, and call this again when the next one is."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        while self._due and self._due[0][0] <= loop.time() and len(self._tasks) < AT_ONCE and not self._stopped:
            task = asyncio.create_task(self._run(heappop(self._due)[1]))
            self._tasks.add(task)
        if self._due and len(self._tasks) < AT_ONCE and not self._stopped:
            self._timer = loop.call_at(self._due[0][0], self._start)

    async def _run(self, sid: str) -> None:
        wait: float | None = FAILED_SECONDS
        self._again.discard(sid)
        try:
            wait = await self._deliver(sid)
        except DoqchatError as error:
            log.warning("Webhooks of %s are retried in %g s: %s", sid, FAILED_SECONDS, error.message)
        except Exception:
            log.exception("Sending a webhook of %s failed; it is retried in %g s.", sid, FAILED_SECONDS)
        finally:
            self._end(sid, wait)

    def _end(self, sid: str, wait: float | None) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.discard(task)
        if wait is None and sid in self._again:
            wait = 0.0
        if wait is None:
            self._known.discard(sid)
        else:
            heappush(self._due, (asyncio.get_running_loop().time() + wait, sid))
        self._start()
