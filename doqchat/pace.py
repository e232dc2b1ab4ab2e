"""How often one connection may send what is not stored: typing, read marks, pings, replays."""

import math
from collections import deque
from time import monotonic

from doqchat.errors import RateLimited

MOST_FRAMES = 50
WINDOW_SECONDS = 10


class Pace:
    """The latest frames of one connection, as many as may come within WINDOW_SECONDS. It ends with the connection."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=MOST_FRAMES)

    def count(self) -> None:
        """Count one frame.

        Raises:
            RateLimited: there were MOST_FRAMES within WINDOW_SECONDS; `retry_after` says how many seconds to wait.
        """
        now = monotonic()
        if len(self._moments) == MOST_FRAMES and (left := self._moments[0] + WINDOW_SECONDS - now) > 0:
            wait = math.ceil(left)
            raise RateLimited(f"This connection sends too often; wait {wait} s.", retry_after=wait)
        self._moments.append(now)
