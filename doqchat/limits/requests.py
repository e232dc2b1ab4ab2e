"""Limits on requests to the models. The scripts that store requests count them, for all processes together."""

import math
from dataclasses import asdict, dataclass

from doqchat.errors import RateLimited

FULL_RETRY_SECONDS = 5
"""`retry_after` for too many active replies, whose end is unknown."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits per session, and per role in a session; None for no limit.

    A person's request counts for the session and the role, an automatic reply only for the session.

    Attributes:
        requests_per_minute: of one session, in any 60 seconds.
        role_requests_per_minute: of one role in one session.
        max_active_replies: running and queued replies of one session.
        role_max_active_replies: running and queued replies that one role has requested.
    """

    requests_per_minute: int | None = None
    role_requests_per_minute: int | None = None
    max_active_replies: int | None = None
    role_max_active_replies: int | None = None

    def for_a_person(self) -> dict[str, int]:
        """The limits of a person's request, as fields of append.lua: 0 for no limit."""
        return {name: int(limit or 0) for name, limit in asdict(self).items()}

    def for_an_automatic_reply(self) -> int:
        """The limit of an automatic reply, as a field of automatic_start.lua: 0 for no limit."""
        return self.requests_per_minute or 0

    def refusal(self, limit: str, wait_ms: int, role: str = "") -> RateLimited:
        """The error for a request over a limit.

        Args:
            limit: the name of the limit.
            wait_ms: milliseconds until the next request is allowed; 0 if unknown.
            role: the sender.
        """
        wait = math.ceil(wait_ms / 1000) or FULL_RETRY_SECONDS
        messages = {
            "requests_per_minute": f"Rate limit of this session's requests exceeded; retry in {wait} s.",
            "role_requests_per_minute": f"Rate limit of the requests of {role} exceeded; retry in {wait} s.",
            "max_active_replies": f"Too many active replies in this session (limit {self.max_active_replies}).",
            "role_max_active_replies": f"Too many active replies for {role} (limit {self.role_max_active_replies}).",
        }
        return RateLimited(messages[limit], retry_after=wait, limit=limit)
