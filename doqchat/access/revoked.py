"""Revoked tokens of a session."""

from collections.abc import Mapping

from doqchat.access.principal import Principal
from doqchat.errors import Forbidden

ALL = "all"
"""The entry for all tokens of a session."""


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
        moments: the time of each revocation by entry, in seconds since 1970.
    """

    def __init__(self, moments: Mapping[str, float] | None = None) -> None:
        self._moments = dict(moments or {})

    def add(self, moments: Mapping[str, float]) -> None:
        """Add revocations."""
        self._moments |= moments

    def check(self, principal: Principal) -> None:
        """Raises Forbidden if the principal's token is revoked."""
        if self._moments and principal.verified and self._covers(principal):
            raise Forbidden("Your access to this session was revoked.")

    def _covers(self, principal: Principal) -> bool:
        if principal.token_id is not None and by_token(principal.token_id) in self._moments:
            return True
        issued = principal.issued or 0.0
        groups = [ALL] if principal.subject is None else [ALL, by_subject(principal.subject)]
        return any(issued <= self._moments[group] for group in groups if group in self._moments)
