"""How long to wait before another try."""

import random

SHORTEST = 0.2
LONGEST = 10.0
RESTARTS, TOO_MANY = 1012, 4429
RESTART_SPREAD = 0.8
"""The longest wait after RESTARTS: the server itself spreads those over seconds, when there are many."""


class Backoff:
    """Random waits from SHORTEST up to a bound that grows to `longest` seconds, so that many clients do not come at
    the same moment, however long they have waited.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._bound = SHORTEST

    def next(self) -> float:
        """Seconds to wait now."""
        self._bound = min(self._longest, self._bound * 3)
        return random.uniform(SHORTEST, self._bound)

    def reset(self) -> None:
        """Begin again with short waits: it worked."""
        self._bound = SHORTEST

    def after(self, close_code: int) -> float:
        """Seconds to wait after a connection ended with this code."""
        if close_code == RESTARTS:
            return random.uniform(SHORTEST, RESTART_SPREAD)
        if close_code == TOO_MANY:
            return random.uniform(self._longest / 2, self._longest)
        return self.next()
