"""Sessions at a glance, for those who look after them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from doqchat.engine import Engine
from doqchat.protocol.ids import order
from doqchat.store import keys


@dataclass(frozen=True, slots=True)
class Overview:
    """One session now: its events, the connections of each role, and the replies under way."""

    messages: int
    members: dict[str, int]
    replies: int


async def overviews(engine: Engine, sids: Sequence[str]) -> dict[str, Overview]:
    """Several sessions now, read in one go; raises Unavailable."""
    return dict(zip(sids, await asyncio.gather(*(_overview(engine, sid) for sid in sids)), strict=True))


async def began(engine: Engine, sids: Sequence[str]) -> dict[str, float | None]:
    """When each session's first event was stored, in seconds since 1970, read in one go; None without any.

    Raises Unavailable.
    """
    return dict(zip(sids, await asyncio.gather(*(_began(engine, sid) for sid in sids)), strict=True))


async def _overview(engine: Engine, sid: str) -> Overview:
    pipeline = engine.shards.of(sid).pipeline
    messages, members, replies = await asyncio.gather(
        pipeline.execute("XLEN", keys.stream(sid)),
        engine.presence.members(sid),
        pipeline.execute("SCARD", keys.replies(sid)),
    )
    return Overview(int(messages), members, int(replies))


async def _began(engine: Engine, sid: str) -> float | None:
    first = await engine.shards.of(sid).pipeline.execute("XRANGE", keys.stream(sid), "-", "+", "COUNT", 1)
    return order(first[0][0])[0] / 1000 if first else None
