"""States of sessions that only the store knows, for all sessions that are in it: one batch of commands per server."""

import asyncio
from collections.abc import Sequence
from typing import Any

from doqchat.archive import records
from doqchat.engine import Engine
from doqchat.errors import Unreadable
from doqchat.protocol.ids import requested_at
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.moderation import CLOSED
from doqchat.store.script import load
from doqchat.store.shards import Shard

MOST = 10_000
"""Sessions per server that are checked, last active first."""

STUCK_SECONDS = 30.0
"""Age of a request without a worker after which its reply is stuck."""

_OWED = load("owed", "session", "replies")


async def indexed(engine: Engine) -> list[str]:
    """The sessions in the store, up to MOST of each server; raises Unavailable."""
    return [sid for shard in engine.shards for sid in await _indexed(shard)]


async def active(engine: Engine) -> set[str]:
    """Sessions with a connection or an active reply; raises Unavailable."""
    found: set[str] = set()
    for shard in engine.shards:
        sids, now = await _indexed(shard), await shard.pipeline.time()
        counts = await asyncio.gather(
            *(_read(shard, "ZCOUNT", keys.presence(sid), now, "+inf") for sid in sids),
            *(_read(shard, "SCARD", keys.replies(sid)) for sid in sids),
        )
        found.update(sid for sid, count in zip(sids * 2, counts, strict=True) if count)
    return found


async def closed(engine: Engine) -> set[str]:
    """Closed sessions, also those that have left the store; raises Unavailable."""
    found: set[str] = set()
    there = await indexed(engine)
    if engine.archive is not None:
        found = await engine.archive.run(records.left_with, CLOSED) - set(there)
    closed = await asyncio.gather(*(engine.moderation.is_closed(sid) for sid in there))
    return found | {sid for sid, is_closed in zip(there, closed, strict=True) if is_closed}


async def stuck(engine: Engine) -> set[str]:
    """Sessions with a dead letter, or with a request that no worker has begun for STUCK_SECONDS; raises Unavailable."""
    found: set[str] = set()
    for shard in engine.shards:
        dead = await shard.reads.execute("XREVRANGE", keys.DEAD_LETTERS, "+", "-", "COUNT", MOST)
        found.update(dict(pairs(flat)).get("sid", "") for _, flat in dead)
        before = (await shard.pipeline.time() - STUCK_SECONDS) * 1000
        owing = [sid for sid in await shard.reads.execute("ZRANGE", keys.OWING, 0, MOST - 1) if is_sid(sid)]
        waits = await asyncio.gather(*(_waits_since(shard, sid, before) for sid in owing))
        found.update(sid for sid, is_waiting in zip(owing, waits, strict=True) if is_waiting)
    return found - {""}


async def _indexed(shard: Shard) -> list[str]:
    found: Sequence[str] = await shard.reads.execute("ZREVRANGE", keys.SESSIONS, 0, MOST - 1)
    return [sid for sid in found if is_sid(sid)]


async def _waits_since(shard: Shard, sid: str, before: float) -> bool:
    """Whether a reply without a worker was requested before a time in ms; also one behind another in the session."""
    current, _, _, _, lease, _, _, behind = await shard.pipeline.run(_OWED, [keys.stream(sid)])
    waiting = [*behind[::2], *([current] if current and not lease else [])]
    return any(requested_at(reply) <= before for reply in waiting)


async def _read(shard: Shard, *command: Any) -> int:
    """A count; 0 for a key of the wrong type."""
    try:
        return int(await shard.pipeline.execute(*command))
    except Unreadable:
        return 0
