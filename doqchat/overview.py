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
    """A session's number of events, connections per role, and active replies.

    Attributes:
        in_store: whether it is in the store; otherwise it is only in the archive.
    """

    messages: int
    members: dict[str, int]
    replies: int
    in_store: bool = True


async def overviews(engine: Engine, sids: Sequence[str]) -> dict[str, Overview | None]:
    """Summaries of several sessions, in one batch of commands and one query; None for unreadable ones.

    Raises Unavailable.
    """
    reading = asyncio.gather(*(_members_and_replies(engine, sid) for sid in sids))
    lengths, others = await asyncio.gather(engine.stream.lengths(sids), reading)
    found: dict[str, Overview | None] = {}
    for sid, other in zip(sids, others, strict=True):
        length = lengths[sid]
        found[sid] = None if length is None or other is None else Overview(length[0], *other, in_store=length[1])
    return found


async def beginnings(engine: Engine, sids: Sequence[str]) -> dict[str, tuple[datetime | None, str]]:
    """When the first event that each session has in the store was stored, and its title, in one batch of commands.

    The time is None if there is no event or it is unreadable; the title is empty if there is none. Raises Unavailable.
    """
    found = await asyncio.gather(*(_beginning(engine, sid) for sid in sids))
    return dict(zip(sids, found, strict=True))


async def overview(engine: Engine, sid: str) -> Overview:
    """The summary of one session; raises Unavailable and Unreadable."""
    pipeline = engine.shards.of(sid).pipeline
    messages, members, replies = await asyncio.gather(
        engine.stream.length(sid),
        engine.presence.members(sid),
        pipeline.execute("SCARD", keys.replies(sid)),
    )
    return Overview(messages, members, int(replies))


async def _members_and_replies(engine: Engine, sid: str) -> tuple[dict[str, int], int] | None:
    try:
        members, replies = await asyncio.gather(
            engine.presence.members(sid), engine.shards.of(sid).pipeline.execute("SCARD", keys.replies(sid))
        )
    except Unreadable:
        return None
    return members, int(replies)


async def _beginning(engine: Engine, sid: str) -> tuple[datetime | None, str]:
    execute = engine.shards.of(sid).pipeline.execute
    try:
        first, title = await asyncio.gather(
            execute("XRANGE", keys.stream(sid), "-", "+", "COUNT", 1), execute("HGET", keys.settings(sid), "title")
        )
    except Unreadable:
        return None, ""
    return time_of(first[0][0]) if first else None, str(title or "")
