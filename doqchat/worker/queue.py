"""The queue of the requests to one model, as one worker sees it: hints at replies that wait for a worker."""

import asyncio
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from doqchat.protocol.ids import parse_id, request_of
from doqchat.protocol.names import is_sid
from doqchat.replies.backlog import GONE_SECONDS
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How long a worker that is not woken waits until it looks into the queue."""

_SEEN = load("worker_seen")
_REPLY = re.compile(r"r[0-9]+-[0-9]+(-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Job:
    """A request to answer.

    Attributes:
        sid: the session.
        request: the id of the request's event.
        reply: the id of the reply.
        llm: the alias of the model to ask.
    """

    sid: str
    request: str
    reply: str
    llm: str


class Queue:
    """The queue of one model on one server; calls raise DoqchatError.

    Args:
        shard: the server.
        llm: the model's alias.
        worker: this worker's name, unique among all.
    """

    def __init__(self, shard: Shard, llm: str, worker: str) -> None:
        self.llm = llm
        self._shard = shard
        self._queue = keys.queue(llm)
        self._worker = worker
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Have `take` look into the queue now."""
        self._news.set()

    async def show(self) -> None:
        """Show that this worker serves the model."""
        gone = int(GONE_SECONDS * 1000)
        await self._shard.pipeline.run(_SEEN, [keys.workers(self.llm)], worker=self._worker, gone_ms=gone)

    async def leave(self) -> None:
        """Show that it does not any more."""
        await self._shard.pipeline.execute("ZREM", keys.workers(self.llm), self._worker)

    async def take(self) -> Job | None:
        """The request that has waited longest; waits up to LOOK_SECONDS for one.

        It is no longer in the queue then. If this worker dies before it has the lease, the sweeper queues it again.
        """
        self._news.clear()
        popping = asyncio.ensure_future(self._shard.pipeline.execute("ZPOPMIN", self._queue, repeat=False))
        try:
            found = await asyncio.shield(popping)
        except asyncio.CancelledError:
            popping.add_done_callback(self._put_back)
            raise
        if found:
            return self._read(found[0])
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._news.wait()
        return None

    def _read(self, member: str) -> Job | None:
        """The request that a member of the queue names; None for one that names none."""
        sid, _, reply = member.partition(" ")
        request = request_of(reply)
        if is_sid(sid) and parse_id(request) == request and _REPLY.fullmatch(reply):
            return Job(sid, request, reply, self.llm)
        log.error("%.500r in the queue of requests names no reply and is dropped.", member)
        return None

    def _put_back(self, popped: "asyncio.Future[Any]") -> None:
        """Queue again what was taken as this worker stopped."""
        found = None if popped.cancelled() or popped.exception() else popped.result()
        if found and (job := self._read(found[0])):
            self._shard.hints.queued(job.sid, job.llm, job.reply)
