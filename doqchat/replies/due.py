"""Automatic replies: started when they are due, one to all that was said since the last one."""

import logging

from doqchat.errors import RateLimited
from doqchat.replies.limits import RequestLimits
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

STILL_TALKING_MS = 250
"""How long until a session whose model still talks is looked at again."""

_DUE, _START = load("replies_due"), load("reply_start", "turn")


class Due:
    """The automatic replies that are due on one server.

    Args:
        shard: the server.
        limits: a session that is over them gets none; what is said after that has its own chance.
    """

    def __init__(self, shard: Shard, limits: RequestLimits) -> None:
        self._shard = shard
        self._limits = limits

    async def start(self, count: int) -> None:
        """Queue up to so many; raises redis-py's errors and Unavailable."""
        for sid in await _DUE(self._shard.commands, [keys.DUE], count, STILL_TALKING_MS):
            try:
                await self._limits.admit(sid)
                if await self._take(sid, "start"):
                    await self._limits.count(sid)
            except RateLimited as limit:
                if await self._take(sid, "drop"):
                    log.info("No automatic reply in %s: %s", sid, limit.message)

    async def _take(self, sid: str, what: str) -> bool:
        """Start or drop the session's reply; False when another worker has done so, or it is not due any more."""
        return bool(await _START(self._shard.commands, [keys.DUE, keys.JOBS], what, sid, keys.own(sid)))
