"""Fetches jobs from the queues of one server, and starts its due automatic replies."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from doqchat.errors import DoqchatError
from doqchat.llm import llms
from doqchat.replies.backlog import SEEN_SECONDS
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.background import Repeating, Step, cancel_and_wait
from doqchat.worker.queue import Job, Queue
from doqchat.worker.slots import Slots

DUE_SECONDS = 0.1
DUE_AT_A_TIME = 64
LEAVE_SECONDS = 0.5


class FetchLoop:
    """The fetching tasks of one server.

    Args:
        shard: the server.
        worker: this worker's name.
        concurrency: slots per model on this server, see Slots. Servers do not share slots, because an unreachable one
            would block the others.
        begin: starts a job; it occupies a slot until its task ends.
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
        """Start to fetch."""
        for queue in self._queues.values():
            slots = Slots(self._concurrency)
            self._spawn(queue.show, SEEN_SECONDS)
            self._spawn(partial(self._fetch, queue, slots), 0.0)
        self._spawn(partial(self._automatic.start, DUE_AT_A_TIME), DUE_SECONDS)

    def wake(self, alias: str) -> None:
        """Check the queue of a model now, if this worker serves it."""
        if alias in self._queues:
            self._queues[alias].wake()

    async def stop(self) -> None:
        """Stop fetching and wait until all tasks have ended."""
        await cancel_and_wait(self._tasks)
        with suppress(DoqchatError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await asyncio.gather(*(queue.leave() for queue in self._queues.values()))

    async def _fetch(self, queue: Queue, slots: Slots) -> None:
        """Wait for a free slot, then take a job and start it, so that no job is held without a slot."""
        await slots.wait()
        job = await queue.take(slots.at_limit())
        if job is None:
            return

        def end(_: object) -> None:
            slots.release(job.person)
            queue.wake()  # this person may take another slot now

        slots.take(job.person)
        self._begin(job).add_done_callback(end)

    def _spawn(self, step: Step, pause: float) -> None:
        self._tasks.append(asyncio.create_task(self._steps.repeat(step, pause)))
