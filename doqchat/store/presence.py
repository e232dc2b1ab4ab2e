"""Presence: the connections in a session, which expire unless they are renewed."""

from collections.abc import Sequence
from typing import Any

from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shards

LASTS_SECONDS = 30

_PRESENCE = load("presence", "presence")


class Presence:
    """Presence of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def add(self, sid: str, connections: Sequence[str]) -> dict[str, int]:
        """Add or renew connections (`ROLE:NAME`) for LASTS_SECONDS; returns the number of connections per role."""
        return await self._note(sid, "add", connections)

    async def remove(self, sid: str, connections: Sequence[str]) -> dict[str, int]:
        """Remove connections; returns the number of connections per role."""
        return await self._note(sid, "remove", connections)

    async def members(self, sid: str) -> dict[str, int]:
        """The number of connections per role."""
        return await self._note(sid, "add", ())

    async def publish(self, sid: str) -> None:
        """Publish the number of connections per role to the session's group, even if it has not changed."""
        await self._note(sid, "publish", ())

    async def _note(self, sid: str, what: str, connections: Sequence[str]) -> dict[str, int]:
        shard = self._shards.of(sid)
        flat = await shard.pipeline.run(
            _PRESENCE,
            [keys.presence(sid)],
            what=what,
            seconds=LASTS_SECONDS,
            channel=shard.channel(sid),
            connections=connections,
        )
        return counts(flat)


def counts(flat: Sequence[Any]) -> dict[str, int]:
    """`[role, count, role, count, …]` as a dictionary, sorted by role."""
    return dict(sorted((str(role), int(count)) for role, count in pairs(flat)))
