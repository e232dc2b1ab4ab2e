"""How many requests to the model are taken: counted in the store, for all processes together."""

import logging
import math
import time
from collections.abc import Iterator
from typing import Any, cast

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from doqchat.conf import ReplySettings
from doqchat.errors import RateLimited, Unavailable
from doqchat.replies.budget import TokenBudget
from doqchat.store import keys
from doqchat.store.faults import translated
from doqchat.store.shards import Shard, Shards

log = logging.getLogger(__name__)

Window = tuple[RateLimitItem, tuple[str, ...]]


class RequestLimits:
    """Requests a minute of each session and of each role in it, and the site's tokens of a day.

    A request of a person counts for the session and the role, an automatic reply for the session.

    Args:
        shards: the servers.
        settings: the limits.
    """

    def __init__(self, shards: Shards, settings: ReplySettings) -> None:
        self._shards = shards
        self._limiters = {shard.url: _limiter(shard) for shard in shards}
        self._budget = TokenBudget(shards, settings.tokens_a_day)
        self._of_session = _a_minute(settings.requests_a_minute)
        self._of_role = _a_minute(settings.requests_a_minute_of_a_role)

    async def admit(self, sid: str, role: str = "") -> None:
        """See whether one more request may come, of a role or of the reply policy; counts nothing.

        Raises:
            RateLimited: it would be one too many; `retry_after` says how many seconds to wait.
            Unavailable: the store cannot tell.
        """
        await self._budget.check()
        limiter = self._of(sid)
        with translated():
            for item, who in self._windows(sid, role):
                if not await limiter.test(item, *who):
                    raise await _refusal(limiter, item, who)

    async def count(self, sid: str, role: str = "") -> None:
        """Count a request that was taken. Several at once can each have been the last one admitted."""
        limiter = self._of(sid)
        try:
            with translated():
                for item, who in self._windows(sid, role):
                    await limiter.hit(item, *who)
        except Unavailable:
            log.warning("A request in %s is not counted: the store is away.", sid)

    def _of(self, sid: str) -> MovingWindowRateLimiter:
        return self._limiters[self._shards.of(sid).url]

    def _windows(self, sid: str, role: str) -> Iterator[Window]:
        if self._of_session:
            yield self._of_session, (sid,)
        if self._of_role and role:
            yield self._of_role, (sid, role)


def _limiter(shard: Shard) -> MovingWindowRateLimiter:
    """Counts on one server, over the connections that there are: the address that the storage asks for is unused."""
    pool = cast(Any, shard.commands.connection_pool)
    storage = RedisStorage(
        "async+redis://", implementation="redispy", key_prefix=keys.REQUEST_RATES, connection_pool=pool
    )
    return MovingWindowRateLimiter(storage)


def _a_minute(requests: int | None) -> RateLimitItem | None:
    return None if requests is None else RateLimitItemPerMinute(requests)


async def _refusal(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: tuple[str, ...]) -> RateLimited:
    wait = max(1, math.ceil((await limiter.get_window_stats(item, *who)).reset_time - time.time()))
    asking, limit = (
        ("This session asks", "requests_a_minute")
        if len(who) == 1
        else (f"{who[1]} asks", "requests_a_minute_of_a_role")
    )
    return RateLimited(f"{asking} the assistant too often; wait {wait} s.", retry_after=wait, limit=limit)
