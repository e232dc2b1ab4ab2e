"""The queue length and the workers of each model."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from doqchat.errors import Unreadable
from doqchat.store import keys
from doqchat.store.shards import Shard

SEEN_SECONDS = 2.0
"""Interval of the workers' heartbeats."""

GONE_SECONDS = 2 * SEEN_SECONDS
"""Time without a heartbeat after which a worker counts as gone."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """One model on one server.

    Attributes:
        waiting: requests in its queue.
        oldest_seconds: age of the oldest of them; 0 if there are none.
        workers: number of workers that serve it.
    """

    waiting: int
    oldest_seconds: float
    workers: int


class Gauges(BaseModel):
    """Gauges that the sweeper maintains on one server.

    Attributes:
        under_way: running replies, by alias.
        in_line: requests queued behind another in the same session.
        oldest_in_line: age of the oldest of those in seconds, by alias.
    """

    under_way: dict[str, int] = {}
    in_line: int = 0
    oldest_in_line: dict[str, float] = {}

    @classmethod
    def read(cls, text: str | None) -> "Gauges":
        """Parse the stored gauges; all zero if they are missing or invalid."""
        try:
            return cls.model_validate_json(text or "{}")
        except ValidationError:
            return cls()


async def backlogs(shard: Shard, also: Iterable[str] = ()) -> dict[str, Backlog]:
    """The backlogs of all models that have had requests on a server, by alias; raises Unavailable.

    Args:
        shard: the server.
        also: additional aliases.
    """
    pipeline = shard.pipeline
    now, asked = await asyncio.gather(pipeline.time(), pipeline.execute("SMEMBERS", keys.MODELS))
    aliases = list(dict.fromkeys([*asked, *also]))
    found = await asyncio.gather(*(_backlog(shard, alias, now) for alias in aliases))
    return dict(zip(aliases, found, strict=True))


async def _backlog(shard: Shard, alias: str, now: float) -> Backlog:
    execute, queue = shard.pipeline.execute, keys.queue(alias)
    seen_since = (now - GONE_SECONDS) * 1000
    try:
        waiting, oldest, workers = await asyncio.gather(
            execute("ZCARD", queue),
            execute("ZRANGE", queue, 0, 0, "WITHSCORES"),
            execute("ZCOUNT", keys.workers(alias), seen_since, "+inf"),
        )
    except Unreadable:
        return Backlog(0, 0.0, 0)
    return Backlog(int(waiting), max(now - float(oldest[1]) / 1000, 0.0) if oldest else 0.0, int(workers))
