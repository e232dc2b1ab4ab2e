"""Rates: token buckets, each of which is one number."""

from dataclasses import dataclass
from time import monotonic

KEYS = 10_000
"""Maximum number of keys with their own bucket. Beyond it full buckets are dropped, then the oldest ones."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`most` at once, refilled evenly over `seconds`.

    A bucket is the moment at which it is full again, in seconds of time.monotonic(); 0.0 is a full one.
    """

    most: int
    seconds: float = 60.0

    def take(self, bucket: float, amount: int = 1) -> tuple[float, float]:
        """Take an amount out of a bucket; returns the bucket and 0.0, or the seconds until it is possible."""
        now = monotonic()
        full_at = (bucket if bucket > now else now) + amount * self.seconds / self.most
        wait = full_at - now - self.seconds
        return (bucket, wait) if wait > 1e-6 else (full_at, 0.0)


class Buckets:
    """A bucket for each key, such as an address.

    Args:
        rate: of each; None for no limit.
    """

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._buckets: dict[str, float] = {}

    def take(self, key: str) -> float:
        """Take one out of the key's bucket; returns 0.0, or the seconds until it is possible."""
        if self._rate is None:
            return 0.0
        self._buckets[key], wait = self._rate.take(self._buckets.get(key, 0.0))
        if len(self._buckets) > KEYS:
            self._drop()
        return wait

    def _drop(self) -> None:
        now = monotonic()
        self._buckets = {key: full_at for key, full_at in self._buckets.items() if full_at > now}
        if len(self._buckets) > KEYS * 3 // 4:  # else this would be repeated soon
            for key in list(self._buckets)[: KEYS // 2]:
                del self._buckets[key]
