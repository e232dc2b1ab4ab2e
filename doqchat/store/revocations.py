"""Revoked tokens: the revocations of a session, and where they are stored."""

from collections.abc import Mapping

from doqchat.access.principal import Principal
from doqchat.errors import Conflict, Forbidden
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shards

ALL = "all"
"""The entry for all tokens of a session."""

MOST = 1_000
"""Maximum revocations of single tokens and holders per session; revoking all replaces them."""

_REVOKE = load("revoke")


def by_token(token_id: str) -> str:
    """The entry for the token with this `jti`."""
    return f"jti:{token_id}"


def by_subject(subject: str) -> str:
    """The entry for the tokens of the holder with this `sub`."""
    return f"sub:{subject}"


class Revoked:
    """The revocations of one session.

    A token is revoked by `jti` permanently. Revoking a holder, or all tokens, covers those issued until then.

    Args:
        times: the time of each revocation by entry, in seconds since 1970.
    """

    def __init__(self, times: Mapping[str, float] | None = None) -> None:
        self._times = dict(times or {})

    def add(self, times: Mapping[str, float]) -> None:
        """Add revocations."""
        self._times |= times

    def check(self, principal: Principal) -> None:
        """Raises Forbidden if the principal's token is revoked."""
        if self._times and principal.verified and self._covers(principal):
            raise Forbidden("Your access to this session was revoked.")

    def _covers(self, principal: Principal) -> bool:
        if principal.token_id is not None and by_token(principal.token_id) in self._times:
            return True
        issued = principal.issued or 0.0
        groups = [ALL] if principal.subject is None else [ALL, by_subject(principal.subject)]
        return any(issued <= self._times[group] for group in groups if group in self._times)


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
            what: the entry: ALL, or see `by_token` and `by_subject`.

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
        return {what: float(time) for what, time in pairs(flat)}
