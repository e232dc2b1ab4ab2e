"""The tokens that the whole site may use in a day."""

import asyncio
import math
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from doqchat.errors import RateLimited, Unavailable
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards

KEPT_SECONDS = 2 * 24 * 60 * 60
"""How long the store keeps the count of a day."""

COUNTED_SECONDS = 60 * 60
"""How long the store knows that it has counted an attempt. A worker whose command was carried out and got no answer
repeats it as soon as the store is back."""

PATIENCE_SECONDS = 0.1
"""How long a server is waited for, which may be away: everybody who asks waits for all of them."""

_MOST_TOKENS = 2**53
"""More than that a script cannot count exactly."""


_SPENT = load("reply_spent")


def counter_of_today() -> str:
    """The key under which the store counts the tokens of this day of UTC."""
    return keys.tokens(datetime.now(UTC).date().isoformat())


async def spend(shard: Shard, counter: str, counted: str, tokens: int) -> None:
    """Count what an attempt at a reply has used, once however often this is called for it; raises Unavailable.

    Args:
        shard: the server that holds the session.
        counter: the key of the day's count, see `counter_of_today`.
        counted: the key that says that it is counted, see keys.counted.
        tokens: how many.
    """
    await shard.pipeline.run(
        _SPENT,
        [counter, counted],
        tokens=min(tokens, _MOST_TOKENS),
        kept_seconds=KEPT_SECONDS,
        counted_seconds=COUNTED_SECONDS,
    )


class TokenBudget:
    """The tokens of a day. A server that is away has used as many as when it was last asked.

    Args:
        shards: the servers, each of which counts its own.
        tokens: how many there are for a day; None for as many as one likes.
    """

    def __init__(self, shards: Shards, tokens: int | None) -> None:
        self._shards = shards
        self._tokens = tokens
        self._used: dict[str, int] = {}

    async def check(self) -> None:
        """See whether there are tokens left.

        Raises:
            RateLimited: there are none; `retry_after` says how many seconds the day still lasts.
        """
        if self._tokens is None:
            return
        if sum(await asyncio.gather(*map(self._used_on, self._shards))) >= self._tokens:
            raise RateLimited(
                "The assistant's budget for today is used up; it answers again after midnight UTC.",
                retry_after=_seconds_left(),
                limit="tokens_per_day",
            )

    async def _used_on(self, shard: Shard) -> int:
        key = counter_of_today()
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._used[shard.url] = int(await shard.pipeline.execute("GET", key) or 0)
        return self._used.get(shard.url, 0)


def _seconds_left() -> int:
    """Seconds to the next midnight of UTC."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return max(1, math.ceil((midnight - now).total_seconds()))
