"""How many requests to the models are taken: counted by the scripts that store them, for all processes together."""

import math
from dataclasses import asdict, dataclass

from doqchat.errors import RateLimited

FULL_RETRY_SECONDS = 5
"""When to ask again in a session with too many active replies: when one of them ends is not known."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits of each session and of each role in it. None is no limit.

    A request of a person counts for the session and the role, an automatic reply for the session.

    Attributes:
        requests_per_minute: of one session, in any 60 seconds.
        role_requests_per_minute: of one role in one session.
        max_active_replies: replies of one session that have not ended, those in line included.
        role_max_active_replies: of those, the ones that one role has asked for.
    """

    requests_per_minute: int | None = None
    role_requests_per_minute: int | None = None
    max_active_replies: int | None = None
    role_max_active_replies: int | None = None

    def for_a_person(self) -> dict[str, int]:
        """The limits of a request of a person, as append.lua takes them: 0 is no limit."""
        return {name: int(limit or 0) for name, limit in asdict(self).items()}

    def for_an_automatic_reply(self) -> int:
        """The limit of an automatic reply, as reply_start.lua takes it: 0 is no limit."""
        return self.requests_per_minute or 0

    def refusal(self, limit: str, wait_ms: int, role: str = "") -> RateLimited:
        """The error for a request that is one too many.

        Args:
            limit: the name of the limit among these.
            wait_ms: milliseconds until there may be another request; 0 when nobody knows.
            role: who asked.
        """
        wait = math.ceil(wait_ms / 1000) or FULL_RETRY_SECONDS
        messages = {
            "requests_per_minute": f"Rate limit of this session's requests exceeded; retry in {wait} s.",
            "role_requests_per_minute": f"Rate limit of the requests of {role} exceeded; retry in {wait} s.",
            "max_active_replies": f"Too many active replies in this session (limit {self.max_active_replies}).",
            "role_max_active_replies": f"Too many active replies for {role} (limit {self.role_max_active_replies}).",
        }
        return RateLimited(messages[limit], retry_after=wait, limit=limit)
