"""Limits on stored messages per session and role, which append.lua counts for all processes together."""

import math
from dataclasses import dataclass

from doqchat.errors import RateLimited


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What a session may store per minute; None for no limit.

    Attributes:
        role_messages: messages and requests of one role.
        role_bytes: the size of their envelopes.
        session_messages, session_bytes: the same of all roles.
    """

    role_messages: int | None = None
    role_bytes: int | None = None
    session_messages: int | None = None
    session_bytes: int | None = None

    def fields(self) -> dict[str, int]:
        """The limits as fields of append.lua: 0 for no limit."""
        return {
            "role_messages": self.role_messages or 0,
            "role_bytes": self.role_bytes or 0,
            "session_messages": self.session_messages or 0,
            "session_bytes": self.session_bytes or 0,
        }

    def refusal(self, limit: str, wait_ms: int, role: str) -> RateLimited:
        """The error for a message over a limit.

        Args:
            limit: the name of the limit.
            wait_ms: milliseconds until the message is allowed.
            role: its sender.
        """
        whose = f"messages of {role}" if limit.startswith("role_") else "messages of this session"
        seconds = math.ceil(wait_ms / 1000)
        return RateLimited(
            f"Rate limit of the {whose} exceeded; retry in {seconds} s.", retry_after=seconds, limit=limit
        )
