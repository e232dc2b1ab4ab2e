"""The tokens that the whole site may use in a day."""

import asyncio
import math
from datetime import UTC, datetime, time, timedelta

from doqchat.errors import RateLimited
from doqchat.store import keys
from doqchat.store.shards import Shards

KEPT_SECONDS = 2 * 24 * 60 * 60
"""How long the store keeps the count of a day."""


def counter_of_today() -> str:
    """The key under which the store counts the tokens of this day of UTC."""
    return keys.tokens(datetime.now(UTC).date().isoformat())


class TokenBudget:
    """The tokens of a day, which commits of replies count as providers report them.

    Args:
        shards: the servers, each of which counts its own.
        tokens: how many there are for a day; None for as many as one likes.
    """

    def __init__(self, shards: Shards, tokens: int | None) -> None:
        self._shards = shards
        self._tokens = tokens

    async def check(self) -> None:
        """See whether there are tokens left.

        Raises:
            RateLimited: there are none; `retry_after` says how many seconds the day still lasts.
            Unavailable: a server that counts them is away.
        """
        if self._tokens is None:
            return
        key = counter_of_today()
        counts = await asyncio.gather(*(shard.pipeline.execute("GET", key) for shard in self._shards))
        if sum(int(count or 0) for count in counts) >= self._tokens:
            raise RateLimited(
                "The assistant's budget for today is used up; it answers again after midnight UTC.",
                retry_after=_seconds_left(),
            )


def _seconds_left() -> int:
    """Seconds to the next midnight of UTC."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return max(1, math.ceil((midnight - now).total_seconds()))
