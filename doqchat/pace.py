"""How often one connection may send what is not stored: typing, read marks, pings, replays."""

import math
from time import monotonic

from doqchat.errors import RateLimited

MOST_FRAMES = 50
WINDOW_SECONDS = 10


class Pace:
    """The latest frames of one connection, as many as may come within WINDOW_SECONDS. It ends with the connection."""

    def __init__(self) -> None:
        self._moments: list[float] = []  # most connections hardly send any, and an empty list is small

    def count(self) -> None:
        """Count one frame.

        Raises:
            RateLimited: there were MOST_FRAMES within WINDOW_SECONDS; `retry_after` says how many seconds to wait.
        """
        now = monotonic()
        if len(self._moments) == MOST_FRAMES:
            left = self._moments[0] + WINDOW_SECONDS - now
            if left > 0:
                wait = math.ceil(left)
                raise RateLimited(f"This connection sends too often; wait {wait} s.", retry_after=wait)
            del self._moments[0]
        self._moments.append(now)
