"""Fetches from one server: jobs from the queue of each model, and automatic replies as they are due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from doqchat.llm import llms
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.cancel_and_wait import end
from doqchat.worker.queue import Job, Queue
from doqchat.worker.repeating import FORESEEN, Repeating, Step

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
DUE_SECONDS = 0.1
DUE_AT_A_TIME = 64
GIVE_BACK_SECONDS = 0.5


class FetchLoop:
    """The tasks that fetch from one server.

    Args:
        shard: the server.
        worker: this worker's name.
        concurrency: how many answers by each model, on this server alone: those of an unreachable server wait, and
            must not hold up those of another.
        begin: begins to answer a job; it takes one of `concurrency` places until its task ends.
        give_back: hands over a job that this worker has, unless it works on it.
        due: the server's automatic replies.
    """

    def __init__(
        self,
        shard: Shard,
        worker: str,
        concurrency: int,
        begin: Callable[[Job], "asyncio.Task[None]"],
        give_back: Callable[[Job], Awaitable[None]],
        due: AutomaticReplies,
    ) -> None:
        self._shard = shard
        self._worker = worker
        self._concurrency = concurrency
        self._begin = begin
        self._give_back = give_back
        self._due = due
        self._queues: list[Queue] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._steps = Repeating(shard)

    def start(self) -> None:
        """Begin to take."""
        for alias in llms:
            self._serve(alias)
        self._keep(partial(self._due.start, DUE_AT_A_TIME), DUE_SECONDS)

    async def stop(self) -> None:
        """Take nothing more; returns when no task is left that might."""
        await end(self._tasks)

    async def give_back(self) -> None:
        """Return the jobs that were delivered during the shutdown and never started."""
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                for jobs in self._queues:
                    for job in await jobs.held():
                        await self._give_back(job)
        except FORESEEN as error:
            log.warning("What the store gave to this worker last waits until the lease runs out (%r).", error)

    def _serve(self, alias: str) -> None:
        jobs, places = Queue(self._shard, alias, self._worker), asyncio.Semaphore(self._concurrency)
        self._queues.append(jobs)

        async def rescue() -> None:
            for job_id in await jobs.abandoned():
                await self._take(places, partial(jobs.take_over, job_id))

        self._keep(partial(self._take, places, jobs.take), 0.0, jobs.prepare)
        self._keep(rescue, LOOK_SECONDS, jobs.prepare)

    async def _take(self, places: asyncio.Semaphore, take: Callable[[], Awaitable[Job | None]]) -> None:
        """Take a job as soon as there is a place for it, and begin to answer it: none is held that waits for one."""
        answering = None
        await places.acquire()
        try:
            if (job := await take()) is not None:
                answering = self._begin(job)
                answering.add_done_callback(lambda _: places.release())
        finally:
            if answering is None:
                places.release()

    def _keep(self, step: Step, pause: float, prepare: Step | None = None) -> None:
        self._tasks.append(asyncio.create_task(self._steps.repeat(step, pause, prepare)))
