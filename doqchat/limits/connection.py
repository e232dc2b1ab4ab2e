"""Rate limits of one connection."""

import math

from doqchat.errors import DoqchatError, Internal, RateLimited, Unavailable, Unreadable
from doqchat.limits.rate import Rate

EPHEMERAL = Rate(50, 10)
"""Frames that are not stored: typing, read receipts, pings, replays, cancels."""

REFUSED = Rate(100, 10)
"""Refused frames; beyond it the connection is closed."""

ANSWERED = Rate(50, 10)
"""Refused frames that get an error frame; further answers would cost as much as the frames."""

RETRY_SECONDS = 10
"""`retry_after` of a connection that is closed."""


class TooManyRefused(RateLimited):
    """The connection must be closed: too many of its frames were refused."""


class ConnectionLimits:
    """The buckets of one connection.

    Args:
        messages, size: rates of stored frames, and of their characters; None for no limit.
    """

    __slots__ = ("_answered", "_characters", "_ephemeral", "_messages", "_rates", "_refused")

    def __init__(self, messages: Rate | None = None, size: Rate | None = None) -> None:
        self._rates = messages, size
        self._messages = self._characters = self._ephemeral = self._refused = self._answered = 0.0

    def take_ephemeral(self) -> None:
        """Count a frame that is not stored; raises RateLimited, with `retry_after` in seconds."""
        self._ephemeral, wait = EPHEMERAL.take(self._ephemeral)
        _allow(wait)

    def take_stored(self, size: int) -> None:
        """Count a frame that is to be stored; raises RateLimited, with `retry_after` in seconds.

        Args:
            size: the number of its characters.
        """
        messages, sizes = self._rates
        if messages is not None:
            self._messages, wait = messages.take(self._messages)
            _allow(wait)
        if sizes is not None:
            self._characters, wait = sizes.take(self._characters, size)
            _allow(wait)

    def refuse(self, problem: DoqchatError) -> bool:
        """Count a refused frame and return whether to send the error. Failures of the server are not counted.

        Raises:
            TooManyRefused: the connection exceeds the rate.
        """
        if isinstance(problem, Unavailable | Unreadable | Internal):
            return True
        self._refused, wait = REFUSED.take(self._refused)
        if wait:
            message = f"Too many frames were refused; fix the client and reconnect in {RETRY_SECONDS} s."
            raise TooManyRefused(message, retry_after=RETRY_SECONDS)
        self._answered, wait = ANSWERED.take(self._answered)
        return not wait


def _allow(wait: float) -> None:
    if wait:
        seconds = math.ceil(wait)
        raise RateLimited(f"Rate limit exceeded; retry in {seconds} s.", retry_after=seconds)
