"""Requests to models that this worker does not know, because its settings are older or newer than those of others."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from doqchat.errors import Unavailable
from doqchat.llm import llms
from doqchat.replies.jobs import Job, Jobs
from doqchat.store import keys
from doqchat.store.faults import translate
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long such requests wait for a worker that knows their model: it may be about to start."""


class UnknownModels:
    """The queues of unknown models on one server.

    Args:
        shard: the server.
        worker: this worker's name.
        begin: answers a job; what becomes of one whose model is unknown, its writer knows.
    """

    def __init__(self, shard: Shard, worker: str, begin: Callable[[Job], Any]) -> None:
        self._shard = shard
        self._worker = worker
        self._begin = begin
        self._queues: dict[str, Jobs] = {}
        self._unserved_since: dict[str, float] = {}
        self._unreadable: set[str] = set()

    async def look(self) -> None:
        """Take what nobody has served for PATIENCE_SECONDS, so that it ends. Raises redis-py's errors, Unavailable."""
        asked: Any = await self._shard.commands.smembers(keys.QUEUES)
        for alias in asked - set(llms) - self._unreadable:
            try:
                await self._look_at(alias)
            except ResponseError as error:
                if isinstance(problem := translate(error), Unavailable):
                    raise problem from error
                log.error("The queue of the model %.64r cannot be read and is left alone.", alias)
                self._unreadable.add(alias)

    async def forget(self) -> None:
        """Begin to look anew: while the store was away nobody was heard of, whoever is there."""
        self._unreadable.clear()
        self._queues.clear()
        self._unserved_since.clear()

    async def _look_at(self, alias: str) -> None:
        now = asyncio.get_running_loop().time()
        jobs = await self._queue(alias)
        if not await jobs.unserved():
            self._unserved_since.pop(alias, None)
        elif now - self._unserved_since.setdefault(alias, now) >= PATIENCE_SECONDS:
            await self._take_all(jobs)

    async def _queue(self, alias: str) -> Jobs:
        if alias not in self._queues:
            jobs = Jobs(self._shard, alias, self._worker)
            await jobs.prepare()
            self._queues[alias] = jobs
        return self._queues[alias]

    async def _take_all(self, jobs: Jobs) -> None:
        for job_id in await jobs.abandoned():
            if (job := await jobs.take_over(job_id)) is not None:
                self._begin(job)
        while (job := await jobs.take(wait=False)) is not None:
            self._begin(job)
