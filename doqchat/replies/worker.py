"""The worker: takes jobs from the queue of every server and answers many at once."""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from doqchat.engine import Engine
from doqchat.errors import DoqchatError
from doqchat.fanout.subscription import Subscription
from doqchat.replies.draft import Draft, Lost
from doqchat.replies.due import Due
from doqchat.replies.jobs import LEASE_SECONDS, Job, Jobs
from doqchat.replies.writer import Writer
from doqchat.store import keys
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
HAND_OVER_SECONDS = 0.5
LONGEST_WAIT = 2.0
LOOK_SECONDS = 1.0
DUE_SECONDS = 0.1

Place = tuple[str, str]
"""A session and a reply in it: sessions that are asked in the same millisecond have replies of the same id."""


class Answering(NamedTuple):
    """A reply that is being written."""

    task: asyncio.Task[None]
    draft: Draft


class Worker:
    """Answers requests until it is told to stop.

    Args:
        engine: the engine of the running loop.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._at_once = engine.reply_settings.at_once
        self._free = asyncio.Semaphore(self._at_once)
        self._answering: dict[Place, Answering] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Take and answer jobs; after `stop` is set, finish those under way within GRACE_SECONDS.

        What is not finished by then is handed over to other workers.
        """
        takers: list[asyncio.Task[None]] = [
            asyncio.create_task(taker) for shard in self._engine.shards for taker in self._takers(shard)
        ]
        listeners = [Subscription(shard.url, self._on_interruption, lambda _: None) for shard in self._engine.shards]
        takers += [asyncio.create_task(self._follow(listener)) for listener in listeners]
        await stop.wait()
        await _end(takers)
        await self._finish()
        await asyncio.gather(*(listener.flush() for listener in listeners), return_exceptions=True)

    async def _finish(self) -> None:
        if self._answering:
            await asyncio.wait([answering.task for answering in self._answering.values()], timeout=GRACE_SECONDS)
        unfinished = list(self._answering.values())
        await _end([answering.task for answering in unfinished])
        handing_over = asyncio.gather(
            *(answering.draft.hand_over() for answering in unfinished), return_exceptions=True
        )
        try:
            await asyncio.wait_for(handing_over, HAND_OVER_SECONDS)
        except TimeoutError:
            log.warning("The store does not take %d replies back: they wait until the lease runs out.", len(unfinished))

    def _takers(self, shard: Shard) -> list[Coroutine[Any, Any, None]]:
        jobs = Jobs(shard, self.name)
        due = Due(shard, self._engine.limits, self._engine.layer.channel_of)

        async def rescue() -> None:
            for job_id in await jobs.abandoned():
                await self._start(shard, partial(jobs.take_over, job_id))

        return [
            self._keep(jobs, partial(self._start, shard, jobs.take), 0.0),
            self._keep(jobs, rescue, LOOK_SECONDS),
            self._keep(jobs, partial(due.start, self._at_once), DUE_SECONDS),
        ]

    async def _keep(self, jobs: Jobs, step: Callable[[], Awaitable[None]], pause: float) -> None:
        """Do a step over and over; after a failure, try again with a growing pause: the store may be away."""
        wait, prepared = 0.1, False
        while True:
            try:
                if not prepared:
                    await jobs.prepare()
                    prepared = True
                await step()
                wait = 0.1
                await asyncio.sleep(pause)
            except Exception as error:
                prepared = False
                foreseen = isinstance(error, (RedisError, OSError, TimeoutError, DoqchatError))
                log.warning("The queue of requests cannot be read now (%s).", error, exc_info=not foreseen)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    async def _start(self, shard: Shard, take: Callable[[], Awaitable[Job | None]]) -> None:
        """Take a job as soon as there is room for one, and begin to answer it: none is held that nobody works on."""
        await self._free.acquire()
        job = None
        try:
            job = await take()
        finally:
            if job is None:
                self._free.release()
        if job is not None:
            self._answer(shard, job)

    def _answer(self, shard: Shard, job: Job) -> None:
        place = job.sid, job.reply
        draft = Draft(shard, self.name, job, self._engine.layer.channel_of)
        task = asyncio.create_task(self._write(draft))
        earlier = self._answering.get(place)
        if earlier is not None:
            earlier.task.cancel()  # it was silent for as long as a lease: what it writes is of an attempt before
        self._answering[place] = answering = Answering(task, draft)
        task.add_done_callback(lambda _: self._ended(place, answering))

    def _ended(self, place: Place, answering: Answering) -> None:
        self._free.release()
        if self._answering.get(place) is answering:
            del self._answering[place]

    async def _write(self, draft: Draft) -> None:
        gather_seconds = self._engine.reply_settings.gather_seconds
        writer = Writer(draft, self._engine.stream, self._engine.settings, gather_seconds)
        job = draft.job
        try:
            await self._write_or_fail(writer, job)
        except Lost:
            log.info("Reply %s in %s has ended or went to another worker.", job.reply, job.sid)

    async def _write_or_fail(self, writer: Writer, job: Job) -> None:
        try:
            await writer.write()
        except Lost:
            raise
        except Exception:
            log.exception("Reply %s in %s failed.", job.reply, job.sid)
            await writer.failed()

    async def _follow(self, listener: Subscription) -> None:
        """Listen for replies that have ended early; until that works, writers learn it when they write."""
        while True:
            try:
                await listener.subscribe(keys.INTERRUPTIONS)
                return
            except Exception:
                await asyncio.sleep(LEASE_SECONDS)

    def _on_interruption(self, _channel: str, payload: bytes) -> None:
        sid, reply_id = payload.decode().split()
        answering = self._answering.get((sid, reply_id))
        if answering is not None:
            answering.task.cancel()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: redis-py sends with `asyncio.wait_for`, which up to Python 3.11 loses a cancellation that comes
    as what it waits for is done.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=0.1)
