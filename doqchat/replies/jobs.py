"""The queue of requests that wait for an answer, as one worker sees it."""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from doqchat.store import keys
from doqchat.store.clients import BLOCK_SECONDS
from doqchat.store.shards import Shard

LEASE_SECONDS = 6.0
"""How long a job stays with a worker that does not say that it still works on it."""

FORGOTTEN_SECONDS = 3600
"""After how long without a sign of life a worker's name is dropped from the group."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request to answer.

    Attributes:
        id: the job's entry in the queue.
        sid: the session.
        request: the id of the request's event.
        reply: the id of the reply.
        llm: the alias of the model to ask.
        automatic: nobody asked; the session's reply policy did.
    """

    id: str
    sid: str
    request: str
    reply: str
    llm: str
    automatic: bool


class Jobs:
    """The queue on one server; calls raise redis-py's errors.

    Args:
        shard: the server.
        worker: this worker's name, unique among all.
    """

    def __init__(self, shard: Shard, worker: str) -> None:
        self._shard = shard
        self._worker = worker

    async def prepare(self) -> None:
        """Make the group of workers if there is none, and forget workers that are long gone."""
        try:
            await self._shard.commands.xgroup_create(keys.JOBS, keys.WORKERS, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        for consumer in await self._shard.commands.xinfo_consumers(keys.JOBS, keys.WORKERS):
            if consumer["pending"] == 0 and consumer["idle"] > FORGOTTEN_SECONDS * 1000:
                await self._shard.commands.xgroup_delconsumer(keys.JOBS, keys.WORKERS, consumer["name"])

    async def take(self, count: int) -> list[Job]:
        """Up to so many new jobs; waits for one for BLOCK_SECONDS."""
        answer: Any = await self._shard.blocking.xreadgroup(
            keys.WORKERS, self._worker, {keys.JOBS: ">"}, count=count, block=int(BLOCK_SECONDS * 1000)
        )
        return [_job(*entry) for _, entries in answer or () for entry in entries]

    async def take_over(self, count: int) -> list[Job]:
        """Up to so many jobs whose workers have fallen silent."""
        answer: Any = await self._shard.commands.xautoclaim(
            keys.JOBS, keys.WORKERS, self._worker, int(LEASE_SECONDS * 1000), count=count
        )
        return [_job(*entry) for entry in answer[1] if entry[1]]


def _job(entry_id: str, fields: dict[str, str]) -> Job:
    return Job(entry_id, fields["sid"], fields["request"], fields["reply"], fields["llm"], fields.get("auto") == "1")
