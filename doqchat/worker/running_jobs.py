"""The answers that a worker is writing."""

import asyncio
import logging
from typing import NamedTuple

from doqchat.engine import Engine
from doqchat.errors import DoqchatError
from doqchat.serving.limits import LAST_SECONDS
from doqchat.store.shards import Shard
from doqchat.worker.cancel_and_wait import end
from doqchat.worker.conversation import Conversations
from doqchat.worker.leased_reply import LeasedReply, Lost
from doqchat.worker.queue import Job
from doqchat.worker.writer import Writer

log = logging.getLogger(__name__)

HAND_OVER_SECONDS = LAST_SECONDS / 2
"""How long handing over may take; what remains of LAST_SECONDS is for closing connections."""

Place = tuple[str, str]
"""A session and a reply in it: sessions that are asked in the same millisecond have replies of the same id."""


class Answer(NamedTuple):
    """An answer that is being written."""

    task: asyncio.Task[None]
    writer: Writer


class RunningJobs:
    """All that one worker writes at the same time.

    Args:
        engine: the engine of the running loop.
        worker: the worker's name.
    """

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine
        self._worker = worker
        self._conversations = Conversations(engine.stream, engine.settings, engine.reply_settings.system)
        self._gather_seconds = engine.reply_settings.gather_seconds
        self._answers: dict[Place, Answer] = {}

    def begin(self, shard: Shard, job: Job) -> "asyncio.Task[None]":
        """Begin to answer a job that this worker has taken; the task ends when there is no more to do about it."""
        place = job.sid, job.reply
        writer = Writer(self._draft(shard, job), self._conversations, self._gather_seconds)
        task = asyncio.create_task(self._write(writer, job))
        earlier = self._answers.get(place)
        if earlier is not None:
            earlier.task.cancel()  # it was silent for as long as a lease: what it writes is of an attempt before
        self._answers[place] = answer = Answer(task, writer)
        task.add_done_callback(lambda _: self._ended(place, answer))
        return task

    def interrupt(self, sid: str, reply_id: str) -> None:
        """Write no more of a reply that has ended early, if it is one of these."""
        answer = self._answers.get((sid, reply_id))
        if answer is not None:
            answer.task.cancel()

    async def give_back(self, shard: Shard, job: Job) -> None:
        """Hand over a job that this worker has and does not work on; raises Unavailable."""
        if (job.sid, job.reply) not in self._answers:
            await self._draft(shard, job).hand_over()

    async def finish(self, seconds: float) -> None:
        """Let all be written to the end within so many seconds; hand over to other workers what is not.

        Returns HAND_OVER_SECONDS later at the latest.
        """
        if self._answers:
            await asyncio.wait([answer.task for answer in self._answers.values()], timeout=seconds)
        unfinished = list(self._answers.values())
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await end([answer.task for answer in unfinished])
                handing_over = (answer.writer.hand_over() for answer in unfinished)
                await asyncio.gather(*handing_over, return_exceptions=True)
        except TimeoutError:
            log.warning("The store does not take %d replies back: they wait until the lease runs out.", len(unfinished))

    def _draft(self, shard: Shard, job: Job) -> LeasedReply:
        return LeasedReply(shard, self._worker, job)

    def _ended(self, place: Place, answer: Answer) -> None:
        if self._answers.get(place) is answer:
            del self._answers[place]

    async def _write(self, writer: Writer, job: Job) -> None:
        try:
            await self._write_or_fail(writer, job)
        except Lost:
            log.info("Reply %s in %s has ended or went to another worker.", job.reply, job.sid)
            await writer.spend()
        except DoqchatError as error:
            log.error("Reply %s in %s cannot be ended: %s", job.reply, job.sid, error.message)
        except asyncio.CancelledError:
            await writer.spend()
            raise

    async def _write_or_fail(self, writer: Writer, job: Job) -> None:
        try:
            await writer.write()
        except Lost:
            raise
        except DoqchatError as error:
            log.error("Reply %s in %s failed: %s", job.reply, job.sid, error.message)
            await writer.failed()
        except Exception:
            log.exception("Reply %s in %s failed.", job.reply, job.sid)
            await writer.failed()
