"""What one connection may send, beside the messages that are stored: the limits end with the connection."""

import math
from time import monotonic

from doqchat.errors import DoqchatError, Internal, RateLimited, Unavailable, Unreadable

WINDOW_SECONDS = 10

MOST_EPHEMERAL = 50
"""Frames of events that are not stored (typing, read marks, pings, replays, cancels) within WINDOW_SECONDS."""

MOST_REFUSED = 100
"""Refused frames within WINDOW_SECONDS; with one more the connection is closed."""

MOST_ANSWERED = 50
"""How many of those are answered: an answer costs as much as the frame, and a client in a loop does not read it."""


class TooManyRefused(RateLimited):
    """The connection has to be closed: its client goes on sending what is refused."""


class RateLimit:
    """Counts what comes within any WINDOW_SECONDS.

    Args:
        most: how many may come in that time.
    """

    __slots__ = ("_moments", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._moments: list[float] = []  # most connections hardly send any, and an empty list is small

    def __len__(self) -> int:
        """How many were counted within the window, as of the last call of `count`."""
        return len(self._moments)

    def count(self) -> float:
        """Count one more; 0.0. Where there were `most` already it is not counted: the seconds until one may come."""
        now = monotonic()
        while self._moments and self._moments[0] + WINDOW_SECONDS <= now:
            del self._moments[0]
        if len(self._moments) == self._most:
            return self._moments[0] + WINDOW_SECONDS - now
        self._moments.append(now)
        return 0.0


class FrameLimits:
    """The limits of one connection."""

    __slots__ = ("_ephemeral", "_refused")

    def __init__(self) -> None:
        self._ephemeral = RateLimit(MOST_EPHEMERAL)
        self._refused = RateLimit(MOST_REFUSED)

    def take_ephemeral(self) -> None:
        """Count a frame of an event that is not stored.

        Raises:
            RateLimited: there were MOST_EPHEMERAL within WINDOW_SECONDS; `retry_after` is in seconds.
        """
        if wait := math.ceil(self._ephemeral.count()):
            raise RateLimited(f"Rate limit exceeded; retry in {wait} s.", retry_after=wait)

    def refuse(self, problem: DoqchatError) -> bool:
        """Count a frame that is refused; whether the client gets the error. A failure of the server does not count.

        Raises:
            TooManyRefused: there were MOST_REFUSED within WINDOW_SECONDS.
        """
        if isinstance(problem, Unavailable | Unreadable | Internal):
            return True
        if wait := math.ceil(self._refused.count()):
            message = f"Too many frames were refused; reconnect in {wait} s and send only what the protocol takes."
            raise TooManyRefused(message, retry_after=wait)
        return len(self._refused) <= MOST_ANSWERED
