"""The queue of the requests to one model, as one worker sees it."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doqchat.protocol.ids import parse_id, request_of
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import BLOCK_SECONDS
from doqchat.store.script import load
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
"""How long a job stays with a worker that does not say that it still works on it."""

FORGOTTEN_SECONDS = 3600
"""After how long without a sign of life a worker's name is dropped from the group."""

_LOOKED_AT = 100
_HELD = 1_000
"""More jobs than a worker has of one queue."""

_PREPARE = load("queue_prepare")
_REPLY = re.compile(r"r[0-9]+-[0-9]+(-[0-9]+)?")

Silent = tuple[str, str, int]
"""A job that is silent: its id, its worker, and how often it was given to one."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request to answer.

    Attributes:
        id: the job's entry in the queue.
        sid: the session.
        request: the id of the request's event.
        reply: the id of the reply.
        llm: the alias of the model to ask.
    """

    id: str
    sid: str
    request: str
    reply: str
    llm: str


class Queue:
    """The queue of one model on one server; calls raise redis-py's errors.

    Args:
        shard: the server.
        llm: the model's alias.
        worker: this worker's name, unique among all.
    """

    def __init__(self, shard: Shard, llm: str, worker: str) -> None:
        self._shard = shard
        self._llm = llm
        self._queue = keys.queue(llm)
        self._worker = worker
        self._suspects: set[Silent] = set()

    async def prepare(self) -> None:
        """Make the group of workers if there is none, and forget workers that are long gone."""
        await _PREPARE(self._shard.commands, [self._queue], group=keys.WORKERS)
        for consumer in await self._shard.commands.xinfo_consumers(self._queue, keys.WORKERS):
            if consumer["pending"] == 0 and consumer["idle"] > FORGOTTEN_SECONDS * 1000:
                await self._shard.commands.xgroup_delconsumer(self._queue, keys.WORKERS, consumer["name"])

    async def take(self) -> Job | None:
        """The next new job; waits for one for BLOCK_SECONDS."""
        answer: Any = await self._shard.blocking.xreadgroup(
            keys.WORKERS, self._worker, {self._queue: ">"}, count=1, block=int(BLOCK_SECONDS * 1000)
        )
        return await self._read(answer[0][1] if answer else ())

    async def held(self) -> list[Job]:
        """The jobs that this worker has, whether or not it knows of them."""
        rows: Any = await self._shard.commands.xpending_range(
            self._queue, keys.WORKERS, "-", "+", _HELD, consumername=self._worker
        )
        entries = [await self._shard.commands.xrange(self._queue, row["message_id"], row["message_id"]) for row in rows]
        return [job for each in entries if (job := await self._read(each)) is not None]

    async def abandoned(self) -> list[str]:
        """The ids of jobs whose workers have fallen silent: in this look at them and in the one before.

        Once is not enough. When the store was away all have been silent, and want a moment to be heard again.
        """
        suspects, self._suspects = self._suspects, set()
        silent = await self._silent()
        self._suspects = silent
        return sorted(job_id for job_id, _, _ in silent & suspects)

    async def take_over(self, job_id: str) -> Job | None:
        """A job whose worker has fallen silent; None when it has spoken again, or another has the job."""
        lease = int(LEASE_SECONDS * 1000)
        return await self._read(
            await self._shard.commands.xclaim(self._queue, keys.WORKERS, self._worker, lease, [job_id])
        )

    async def _silent(self) -> set[Silent]:
        found: set[Silent] = set()
        start, lease = "-", int(LEASE_SECONDS * 1000)
        while True:
            rows: Any = await self._shard.commands.xpending_range(
                self._queue, keys.WORKERS, start, "+", _LOOKED_AT, idle=lease
            )
            found.update((row["message_id"], row["consumer"], row["times_delivered"]) for row in rows)
            if len(rows) < _LOOKED_AT:
                return found
            start = f"({rows[-1]['message_id']}"

    async def _read(self, entries: Any) -> Job | None:
        """The one job among the entries; an entry that is none is taken off the queue, it would come back for ever."""
        for entry_id, fields in entries:
            try:
                return _job(entry_id, fields, self._llm)
            except (KeyError, TypeError, ValueError):
                log.error("Entry %s in the queue of requests is no job and is dropped: %.500r", entry_id, fields)
                await self._shard.commands.xack(self._queue, keys.WORKERS, entry_id)
                await self._shard.commands.xdel(self._queue, entry_id)
        return None


def _job(entry_id: str, fields: Mapping[str, str], llm: str) -> Job:
    """The job that an entry's fields describe; raises KeyError, TypeError or ValueError when they describe none."""
    job = Job(entry_id, fields["sid"], fields["request"], fields["reply"], llm)
    names_its_request = request_of(job.reply) == job.request and _REPLY.fullmatch(job.reply)
    if not (is_sid(job.sid) and parse_id(job.request) == job.request and names_its_request):
        raise ValueError("not the names of a session, a request and its reply")
    return job
