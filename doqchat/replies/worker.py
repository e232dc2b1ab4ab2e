"""The worker: takes jobs from the queue of every server and answers many at once."""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from redis.exceptions import RedisError

from doqchat.engine import Engine
from doqchat.errors import Unavailable
from doqchat.fanout.subscription import Subscription
from doqchat.replies.draft import Draft, Interruption, Lost
from doqchat.replies.due import Due
from doqchat.replies.jobs import LEASE_SECONDS, Job, Jobs
from doqchat.replies.writer import Writer
from doqchat.store import keys
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

GRACE_SECONDS = 8.0
LONGEST_WAIT = 2.0
TAKE_OVER_SECONDS = 1.0
DUE_SECONDS = 0.1

Place = tuple[str, str]
"""A session and a reply in it: sessions that are asked in the same millisecond have replies of the same id."""


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
        self._running: dict[Place, asyncio.Task[None]] = {}
        self._interrupted: dict[Place, Interruption] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Take and answer jobs; after `stop` is set, finish those under way within GRACE_SECONDS.

        What is not finished by then is taken over by other workers, once the lease has run out.
        """
        takers: list[asyncio.Task[None]] = [
            asyncio.create_task(taker) for shard in self._engine.shards for taker in self._takers(shard)
        ]
        listeners = [Subscription(shard.url, self._on_interruption, lambda: None) for shard in self._engine.shards]
        takers += [asyncio.create_task(self._follow(listener)) for listener in listeners]
        await stop.wait()
        await _end(takers)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=GRACE_SECONDS)
        await _end(list(self._running.values()))
        await asyncio.gather(*(listener.flush() for listener in listeners), return_exceptions=True)

    def _takers(self, shard: Shard) -> list[Coroutine[Any, Any, None]]:
        jobs, due = Jobs(shard, self.name), Due(shard, self._engine.limits)

        async def take(take: Callable[[int], Awaitable[list[Job]]]) -> None:
            await self._free.acquire()
            self._free.release()
            for job in await take(max(1, self._at_once - len(self._running))):
                await self._start(shard, job)

        return [
            self._keep(jobs, lambda: take(jobs.take), 0.0),
            self._keep(jobs, lambda: take(jobs.take_over), TAKE_OVER_SECONDS),
            self._keep(jobs, lambda: due.start(self._at_once), DUE_SECONDS),
        ]

    async def _keep(self, jobs: Jobs, step: Callable[[], Awaitable[None]], pause: float) -> None:
        """Do a step over and over; while the store is away, try again with a growing pause."""
        wait, prepared = 0.1, False
        while True:
            try:
                if not prepared:
                    await jobs.prepare()
                    prepared = True
                await step()
                wait = 0.1
                await asyncio.sleep(pause)
            except (RedisError, OSError, TimeoutError, Unavailable) as error:
                prepared = False
                log.warning("The queue of requests cannot be read now (%s).", error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)

    async def _start(self, shard: Shard, job: Job) -> None:
        if _place(job) in self._running:
            return
        await self._free.acquire()
        task = asyncio.create_task(self._answer(shard, job))
        self._running[_place(job)] = task
        task.add_done_callback(lambda _: self._ended(job))

    def _ended(self, job: Job) -> None:
        self._free.release()
        self._running.pop(_place(job), None)
        self._interrupted.pop(_place(job), None)

    async def _answer(self, shard: Shard, job: Job) -> None:
        draft = Draft(shard, self.name, job, self._engine.layer.channel_of)
        gather_seconds = self._engine.reply_settings.gather_seconds
        writer = Writer(draft, self._engine.stream, self._engine.settings, gather_seconds)
        try:
            await self._write(job, writer)
        except Lost:
            log.info("Reply %s in %s went to another worker.", job.reply, job.sid)

    async def _write(self, job: Job, writer: Writer) -> None:
        try:
            await writer.write()
        except asyncio.CancelledError:
            if _place(job) not in self._interrupted:
                raise
            await writer.interrupted(self._interrupted[_place(job)])
        except Lost:
            raise
        except Exception:
            log.exception("Reply %s in %s failed.", job.reply, job.sid)
            await writer.failed()

    async def _follow(self, listener: Subscription) -> None:
        """Listen for replies that are to end; until that works, writers find the mark when they keep their lease."""
        while True:
            try:
                await listener.subscribe(keys.INTERRUPTIONS)
                return
            except Exception:
                await asyncio.sleep(LEASE_SECONDS)

    def _on_interruption(self, _channel: str, payload: bytes) -> None:
        sid, reply_id, reason = payload.decode().split()
        place = (sid, reply_id)
        task = self._running.get(place)
        if task is not None and place not in self._interrupted:
            self._interrupted[place] = "superseded" if reason == "superseded" else "cancelled"
            task.cancel()


def _place(job: Job) -> Place:
    return job.sid, job.reply


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
