"""The daily token budget of the site."""

import asyncio
import math
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from doqchat.errors import RateLimited, Unavailable
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards

KEPT_SECONDS = 2 * 24 * 60 * 60
"""Expiry of a day's counter."""

COUNTED_SECONDS = 60 * 60
"""Expiry of the mark that an attempt was counted. A worker without a response retries as soon as the store is back."""

PATIENCE_SECONDS = 0.1
"""Timeout per server: each request waits for the counters of all servers."""

_MOST_TOKENS = 2**53
"""Maximum count per attempt: Lua numbers are exact up to here."""

_SPENT = load("reply_spent")


def counter_of_today() -> str:
    """The key of the counter of tokens for the current day in UTC."""
    return keys.tokens(datetime.now(UTC).date().isoformat())


async def spend(shard: Shard, counter: str, counted: str, tokens: int) -> None:
    """Count the tokens of an attempt at a reply, idempotently; raises Unavailable.

    Args:
        shard: the session's server.
        counter: the key of the day's counter, see `counter_of_today`.
        counted: the key that marks the attempt as counted, see keys.counted.
        tokens: the number of tokens.
    """
    await shard.pipeline.run(
        _SPENT,
        [counter, counted],
        tokens=min(tokens, _MOST_TOKENS),
        kept_seconds=KEPT_SECONDS,
        counted_seconds=COUNTED_SECONDS,
    )


class TokenBudget:
    """The budget per day. For an unreachable server the last known count is used.

    Args:
        shards: the servers, each of which counts the tokens of its sessions.
        tokens: maximum number of tokens per day; None for no limit.
    """

    def __init__(self, shards: Shards, tokens: int | None) -> None:
        self._shards = shards
        self._tokens = tokens
        self._used: dict[str, int] = {}

    async def check(self) -> None:
        """Check that the budget is not used up.

        Raises:
            RateLimited: it is used up; `retry_after` is the number of seconds until the next day.
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
    """Seconds until midnight UTC."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return max(1, math.ceil((midnight - now).total_seconds()))
