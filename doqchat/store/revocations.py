"""The revoked tokens of sessions."""

from doqchat.errors import Conflict
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards

MOST = 1_000
"""Maximum revocations of single tokens and holders per session; revoking all replaces them."""

_REVOKE = load("revoke")


class Revocations:
    """The revocations of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def revoke(self, sid: str, what: str) -> None:
        """Revoke tokens of a session, and publish that to the processes.

        Args:
            sid: the session.
            what: the entry, see doqchat/access/revoked.py.

        Raises:
            Conflict: the session has MOST already.
        """
        shard = self._shards.of(sid)
        noted = await shard.pipeline.run(_REVOKE, [keys.revoked(sid)], what=what, channel=shard.channel(sid), most=MOST)
        if not noted:
            raise Conflict(f"This session has {MOST:,} revocations already; revoke all of its tokens instead.")

    async def of(self, sid: str) -> dict[str, float]:
        """The time of each revocation of a session by entry, in seconds since 1970."""
        flat = await self._shards.of(sid).pipeline.execute("HGETALL", keys.revoked(sid))
        return {what: float(moment) for what, moment in zip(flat[::2], flat[1::2], strict=True)}
