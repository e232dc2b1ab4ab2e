"""The queue of requests to one model. Its members are hints at replies without a worker."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from doqchat.protocol.ids import is_reply_id, parse_id, request_of
from doqchat.protocol.names import is_sid
from doqchat.replies.backlog import GONE_SECONDS
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Polling interval of a worker that is not notified."""

_SEEN, _TAKE = load("worker_seen"), load("queue_take", "queue")


@dataclass(frozen=True, slots=True)
class Job:
    """A request to answer.

    Attributes:
        sid: the session.
        request: the id of the request's event.
        reply: the id of the reply.
        llm: the alias of the model to ask.
        person: who takes turns in the queue, and occupies a slot; empty if unknown.
    """

    sid: str
    request: str
    reply: str
    llm: str
    person: str = ""


class Queue:
    """The queue of one model on one server; calls raise DoqchatError.

    Args:
        shard: the server.
        llm: the model's alias.
        worker: this worker's unique name.
    """

    def __init__(self, shard: Shard, llm: str, worker: str) -> None:
        self.llm = llm
        self._shard = shard
        self._queue = keys.queue(llm)
        self._worker = worker
        self._notified = asyncio.Event()

    def wake(self) -> None:
        """Make `take` check the queue now."""
        self._notified.set()

    async def show(self) -> None:
        """Send a heartbeat: this worker serves the model."""
        gone = int(GONE_SECONDS * 1000)
        await self._shard.pipeline.run(_SEEN, [keys.workers(self.llm)], worker=self._worker, gone_ms=gone)

    async def leave(self) -> None:
        """Remove this worker from those that serve the model."""
        await self._shard.pipeline.execute("ZREM", keys.workers(self.llm), self._worker)

    async def take(self, excluded: Sequence[str] = ()) -> Job | None:
        """Remove and return the request whose turn it is; None if there is none for LOOK_SECONDS.

        If this worker dies before it takes the lease, the sweeper queues the request again.

        Args:
            excluded: people whose requests are not taken.
        """
        self._notified.clear()
        taking = asyncio.ensure_future(
            self._shard.pipeline.run(_TAKE, [self._queue], repeat=False, excluded=list(excluded))
        )
        try:
            found = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._put_back)
            raise
        if found:
            return self._read(*found)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._notified.wait()
        return None

    def _read(self, member: str, _turn: str, person: str) -> Job | None:
        """Parse what queue_take.lua has returned; None if the member is invalid."""
        sid, _, reply = member.partition(" ")
        request = request_of(reply)
        if is_sid(sid) and parse_id(request) == request and is_reply_id(reply):
            return Job(sid, request, reply, self.llm, person)
        log.error("Dropped the invalid job %.500r.", member)
        return None

    def _put_back(self, taken: "asyncio.Future[Any]") -> None:
        """Queue a request again that was taken while this worker stopped."""
        found = None if taken.cancelled() or taken.exception() else taken.result()
        if found and (job := self._read(*found)):
            self._shard.hints.queued(job.sid, job.llm, job.reply, found[1], job.person)
