"""How often one connection may send what is not stored: typing, read marks, pings, replays."""

import math
import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from doqchat.errors import RateLimited

MOST_FRAMES = 50
WINDOW_SECONDS = 10

_RATE = RateLimitItemPerSecond(MOST_FRAMES, WINDOW_SECONDS)
_limiter = MovingWindowRateLimiter(MemoryStorage())


def check(connection: str) -> None:
    """Count one frame of a connection.

    Raises:
        RateLimited: there were MOST_FRAMES within WINDOW_SECONDS; `retry_after` says how many seconds to wait.
    """
    if not _limiter.hit(_RATE, connection):
        wait = max(1, math.ceil(_limiter.get_window_stats(_RATE, connection).reset_time - time.time()))
        raise RateLimited(f"This connection sends too often; wait {wait} s.", retry_after=wait)
