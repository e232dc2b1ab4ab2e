"""The index of sessions by last activity.

It is a hint: it is updated periodically by a separate command, not with every message, and updates may be lost.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.faults import translated
from doqchat.store.shards import Shard, Shards

log = logging.getLogger(__name__)

MOST = 100_000
"""Maximum number of sessions per server in one response."""


class SessionIndex:
    """The list of sessions; every call may raise Unavailable."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def touch(self, sids: Iterable[str]) -> None:
        """Set the last activity of sessions to now."""
        now = time.time()
        scores: dict[Shard, list[float | str]] = {}
        for sid in sids:
            scores.setdefault(self._shards.of(sid), []).extend((now, sid))
        for shard, each in scores.items():
            await shard.pipeline.execute("ZADD", keys.SESSIONS, *each)

    def note(self, sid: str) -> None:
        """Set the last activity of a session to now, without waiting; lost if the server is unreachable."""
        self._shards.of(sid).hints.active(sid)

    async def active_since(self, moment: float) -> dict[str, float]:
        """Sessions active at or after a time (seconds since 1970), with their last activity.

        Names from other programs that are not valid sids are skipped. A time can be any number, also infinite.
        """
        found: dict[str, float] = {}
        with translated():
            for shard in self._shards:
                rows: Any = await shard.commands.zrangebyscore(
                    keys.SESSIONS, moment, "+inf", start=0, num=MOST, withscores=True
                )
                found.update((str(sid), float(score)) for sid, score in rows)
        named = {sid: score for sid, score in found.items() if is_sid(sid)}
        if len(named) < len(found):
            log.warning("Skipped %d invalid session ids in %s.", len(found) - len(named), keys.SESSIONS)
        return named
