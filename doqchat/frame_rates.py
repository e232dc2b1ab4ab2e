"""Rate limits of one connection, for frames that are not stored and for refused frames."""

import math
from time import monotonic

from doqchat.errors import DoqchatError, Internal, RateLimited, Unavailable, Unreadable

WINDOW_SECONDS = 10

MOST_EPHEMERAL = 50
"""Maximum number of ephemeral frames (typing, read marks, pings, replays, cancels) within WINDOW_SECONDS."""

MOST_REFUSED = 100
"""Maximum number of refused frames within WINDOW_SECONDS; the next one closes the connection."""

MOST_ANSWERED = 50
"""How many of them get an error frame; further answers would cost as much as the frames."""


class TooManyRefused(RateLimited):
    """The connection must be closed: too many of its frames were refused."""


class RateLimit:
    """A sliding window over the last WINDOW_SECONDS.

    Args:
        most: the maximum count within the window.
    """

    __slots__ = ("_moments", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._moments: list[float] = []  # most connections send few, and an empty list is small

    def __len__(self) -> int:
        """The count within the window as of the last call of `count`."""
        return len(self._moments)

    def count(self) -> float:
        """Count one more and return 0.0. At the limit: return the seconds until the next is allowed."""
        now = monotonic()
        while self._moments and self._moments[0] + WINDOW_SECONDS <= now:
            del self._moments[0]
        if len(self._moments) == self._most:
            return self._moments[0] + WINDOW_SECONDS - now
        self._moments.append(now)
        return 0.0


class FrameRates:
    """The limits of one connection."""

    __slots__ = ("_ephemeral", "_refused")

    def __init__(self) -> None:
        self._ephemeral = RateLimit(MOST_EPHEMERAL)
        self._refused = RateLimit(MOST_REFUSED)

    def take_ephemeral(self) -> None:
        """Count an ephemeral frame.

        Raises:
            RateLimited: there were MOST_EPHEMERAL within WINDOW_SECONDS; `retry_after` is in seconds.
        """
        if wait := math.ceil(self._ephemeral.count()):
            raise RateLimited(f"Rate limit exceeded; retry in {wait} s.", retry_after=wait)

    def refuse(self, problem: DoqchatError) -> bool:
        """Count a refused frame and return whether to send the error. Failures of the server are not counted.

        Raises:
            TooManyRefused: there were MOST_REFUSED within WINDOW_SECONDS.
        """
        if isinstance(problem, Unavailable | Unreadable | Internal):
            return True
        if wait := math.ceil(self._refused.count()):
            message = f"Too many frames were refused; fix the client and reconnect in {wait} s."
            raise TooManyRefused(message, retry_after=wait)
        return len(self._refused) <= MOST_ANSWERED
