"""How many requests to the models are taken: counted by the scripts that store them, for all processes together."""

import math
from dataclasses import asdict, dataclass

from doqchat.errors import RateLimited

FULL_RETRY_SECONDS = 5
"""When to ask again in a session in which too many answers are under way: nobody knows when one will have come."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits of each session and of each role in it. None is no limit.

    A request of a person counts for the session and the role, an automatic reply for the session.

    Attributes:
        requests_a_minute: of one session, in any 60 seconds.
        requests_a_minute_of_a_role: of one role in one session.
        under_way: replies of one session that have not ended, those in line included.
        under_way_of_a_role: of those, the ones that one role has asked for.
    """

    requests_a_minute: int | None = None
    requests_a_minute_of_a_role: int | None = None
    under_way: int | None = None
    under_way_of_a_role: int | None = None

    def for_a_person(self) -> dict[str, int]:
        """The limits of a request of a person, as append.lua takes them: 0 is no limit."""
        return {name: int(limit or 0) for name, limit in asdict(self).items()}

    def for_an_automatic_reply(self) -> int:
        """The limit of an automatic reply, as reply_start.lua takes it: 0 is no limit."""
        return self.requests_a_minute or 0

    def refusal(self, limit: str, wait_ms: int, role: str = "") -> RateLimited:
        """The error for a request that is one too many.

        Args:
            limit: the name of the limit among these.
            wait_ms: milliseconds until there may be another request; 0 when nobody knows.
            role: who asked.
        """
        wait = math.ceil(wait_ms / 1000) or FULL_RETRY_SECONDS
        messages = {
            "requests_a_minute": f"This session asks the assistant too often; wait {wait} s.",
            "requests_a_minute_of_a_role": f"{role} asks the assistant too often; wait {wait} s.",
            "under_way": f"{self.under_way} answers are under way in this session; ask again when one has come.",
            "under_way_of_a_role": f"{self.under_way_of_a_role} answers are under way for {role}; "
            "ask again when one has come.",
        }
        return RateLimited(messages[limit], retry_after=wait, limit=limit)
