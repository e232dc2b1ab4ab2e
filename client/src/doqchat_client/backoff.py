"""How long to wait before another try."""

import random

SHORTEST = 0.2
LONGEST = 10.0
RESTARTS, TOO_MANY = 1012, 4429
RESTART_SPREAD = 2.0


class Backoff:
    """Random waits that grow from SHORTEST to at most `longest` seconds, so that many clients do not come together."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._last = SHORTEST

    def next(self) -> float:
        """Seconds to wait now."""
        self._last = min(self._longest, random.uniform(SHORTEST, self._last * 3))
        return self._last

    def reset(self) -> None:
        """Begin again with short waits: it worked."""
        self._last = SHORTEST

    def after(self, close_code: int) -> float:
        """Seconds to wait after a connection ended with this code."""
        if close_code == RESTARTS:
            return random.uniform(SHORTEST, RESTART_SPREAD)
        if close_code == TOO_MANY:
            return random.uniform(self._longest / 2, self._longest)
        return self.next()
