"""The running jobs of a worker."""

import asyncio
import logging
from collections import defaultdict
from typing import NamedTuple

from doqchat.engine import Engine
from doqchat.errors import DoqchatError
from doqchat.serving.shutdown import LAST_SECONDS
from doqchat.store.shards import Shard
from doqchat.worker.background import cancel_and_wait
from doqchat.worker.conversation import Conversations
from doqchat.worker.leased_reply import LeasedReply, Lost
from doqchat.worker.queue import Job
from doqchat.worker.writer import Writer

log = logging.getLogger(__name__)

HAND_OVER_SECONDS = LAST_SECONDS / 2
"""Timeout of handing over; the rest of LAST_SECONDS is for closing connections."""

Key = tuple[str, str]
"""A session and a reply: ids of replies are unique only within a session."""


class _RunningJob(NamedTuple):
    """A job and the task that runs it."""

    task: asyncio.Task[None]
    writer: Writer


class RunningJobs:
    """The jobs that one worker runs concurrently.

    Args:
        engine: the engine of the running loop.
        worker: the worker's name.
    """

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine
        self._worker = worker
        self._conversations = Conversations(engine.stream, engine.settings, engine.reply_settings.system)
        self._gather_seconds = engine.reply_settings.gather_seconds
        self._jobs: defaultdict[Key, list[_RunningJob]] = defaultdict(list)

    def begin(self, shard: Shard, job: Job) -> "asyncio.Task[None]":
        """Start a job; the task ends when the job is done."""
        reply = LeasedReply(shard, self._worker, job)
        writer = Writer(reply, self._conversations, self._gather_seconds, self._engine.filters)
        task = asyncio.create_task(self._write(writer, job))
        key, running = (job.sid, job.reply), _RunningJob(task, writer)
        self._jobs[key].append(running)  # duplicated hints start two tasks; only one gets the lease
        task.add_done_callback(lambda _: self._ended(key, running))
        return task

    def cancel(self, sid: str, reply_id: str) -> None:
        """Cancel the job of a cancelled reply, if it is running here."""
        for running in self._jobs.get((sid, reply_id), ()):
            running.task.cancel()

    async def finish(self, seconds: float) -> None:
        """Wait until the jobs are done, then hand the unfinished ones over to other workers.

        Args:
            seconds: how long to wait for them; handing over takes up to HAND_OVER_SECONDS more.
        """
        if self._jobs:
            await asyncio.wait([running.task for running in self._all()], timeout=seconds)
        unfinished = self._all()
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await cancel_and_wait([running.task for running in unfinished])
                handing_over = (running.writer.hand_over() for running in unfinished)
                await asyncio.gather(*handing_over, return_exceptions=True)
        except TimeoutError:
            log.warning("Handing over %d replies timed out: they wait until their leases expire.", len(unfinished))

    def _all(self) -> list[_RunningJob]:
        return [running for jobs in self._jobs.values() for running in jobs]

    def _ended(self, key: Key, running: _RunningJob) -> None:
        self._jobs[key].remove(running)
        if not self._jobs[key]:
            del self._jobs[key]

    async def _write(self, writer: Writer, job: Job) -> None:
        try:
            await writer.write()
        except Lost:
            log.info("Reply %s in %s has ended or was taken over by another worker.", job.reply, job.sid)
            await writer.spend()
        except DoqchatError as error:
            log.error("Reply %s in %s cannot be ended: %s", job.reply, job.sid, error.message)
        except asyncio.CancelledError:
            await writer.spend()
            raise
