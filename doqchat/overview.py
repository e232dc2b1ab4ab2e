"""Summaries of sessions, for HTTP and the admin."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from doqchat.engine import Engine
from doqchat.errors import Unreadable
from doqchat.protocol.ids import time_of
from doqchat.store import keys


@dataclass(frozen=True, slots=True)
class Overview:
    """A session's number of events, connections per role, and active replies."""

    messages: int
    members: dict[str, int]
    replies: int


async def overviews(engine: Engine, sids: Sequence[str]) -> dict[str, Overview | None]:
    """Summaries of several sessions, in one round trip; None for unreadable ones. Raises Unavailable."""
    return dict(zip(sids, await asyncio.gather(*(_overview_if_readable(engine, sid) for sid in sids)), strict=True))


async def began(engine: Engine, sids: Sequence[str]) -> dict[str, datetime | None]:
    """When each session's first event was stored, in one round trip; None if it has none or is unreadable.

    Raises Unavailable.
    """
    return dict(zip(sids, await asyncio.gather(*(_began(engine, sid) for sid in sids)), strict=True))


async def overview(engine: Engine, sid: str) -> Overview:
    """The summary of one session; raises Unavailable and Unreadable."""
    pipeline = engine.shards.of(sid).pipeline
    messages, members, replies = await asyncio.gather(
        engine.stream.length(sid),
        engine.presence.members(sid),
        pipeline.execute("SCARD", keys.replies(sid)),
    )
    return Overview(messages, members, int(replies))


async def _overview_if_readable(engine: Engine, sid: str) -> Overview | None:
    try:
        return await overview(engine, sid)
    except Unreadable:
        return None


async def _began(engine: Engine, sid: str) -> datetime | None:
    try:
        first = await engine.shards.of(sid).pipeline.execute("XRANGE", keys.stream(sid), "-", "+", "COUNT", 1)
    except Unreadable:
        return None
    return time_of(first[0][0]) if first else None
