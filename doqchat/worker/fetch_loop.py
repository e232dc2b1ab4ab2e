"""Fetches from one server: jobs from the queue of each model, and automatic replies as they are due."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from doqchat.errors import DoqchatError
from doqchat.llm import llms
from doqchat.replies.backlog import SEEN_SECONDS
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.cancel_and_wait import end
from doqchat.worker.queue import Job, Queue
from doqchat.worker.repeating import Repeating, Step

DUE_SECONDS = 0.1
DUE_AT_A_TIME = 64
LEAVE_SECONDS = 0.5


class FetchLoop:
    """The tasks that fetch from one server.

    Args:
        shard: the server.
        worker: this worker's name.
        concurrency: how many answers by each model, on this server alone: those of an unreachable server wait, and
            must not hold up those of another.
        begin: begins to answer a job; it takes one of `concurrency` places until its task ends.
        automatic: the server's automatic replies.
    """

    def __init__(
        self,
        shard: Shard,
        worker: str,
        concurrency: int,
        begin: Callable[[Job], "asyncio.Task[None]"],
        automatic: AutomaticReplies,
    ) -> None:
        self._begin = begin
        self._automatic = automatic
        self._concurrency = concurrency
        self._queues = {alias: Queue(shard, alias, worker) for alias in llms}
        self._tasks: list[asyncio.Task[None]] = []
        self._steps = Repeating(shard)

    def start(self) -> None:
        """Begin to fetch."""
        for queue in self._queues.values():
            places = asyncio.Semaphore(self._concurrency)
            self._keep(queue.show, SEEN_SECONDS)
            self._keep(partial(self._fetch, queue, places), 0.0)
        self._keep(partial(self._automatic.start, DUE_AT_A_TIME), DUE_SECONDS)

    def wake(self, alias: str) -> None:
        """Look into the queue of a model now, if this worker serves it."""
        if alias in self._queues:
            self._queues[alias].wake()

    async def stop(self) -> None:
        """Fetch nothing more; returns when no task is left that might."""
        await end(self._tasks)
        with suppress(DoqchatError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await asyncio.gather(*(queue.leave() for queue in self._queues.values()))

    async def _fetch(self, queue: Queue, places: asyncio.Semaphore) -> None:
        """Take a job as soon as there is a place for it, and begin to answer it: none is held that waits for one."""
        answering = None
        await places.acquire()
        try:
            if (job := await queue.take()) is not None:
                answering = self._begin(job)
                answering.add_done_callback(lambda _: places.release())
        finally:
            if answering is None:
                places.release()

    def _keep(self, step: Step, pause: float) -> None:
        self._tasks.append(asyncio.create_task(self._steps.repeat(step, pause)))
