"""When webhooks are attempted, and how long they are kept."""

import random
from datetime import timedelta

TIMEOUT_SECONDS = 10.0
"""Deadline of an attempt, from the connection to the end of the response."""

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 4 * 3600.0
RETRY_FACTOR = 3
JITTER = 0.2
"""The wait after the first failed attempt, the longest one, by how much it grows with each, and its random share."""

RETRIED_FOR = timedelta(days=1)
"""A delivery that fails after this time is dead, and the next one of its session is attempted."""

DELIVERED_KEPT, DEAD_KEPT = timedelta(days=3), timedelta(days=30)
"""How long deliveries stay in the list."""

LEASE_SECONDS = 10.0
"""Expiry of the lease of the process that sends webhooks; each pass renews it. After half of it no attempt begins."""

PASS_SECONDS = 1.0
"""Interval of the passes, which find what other processes have queued."""


def backoff(failed: int) -> float:
    """The seconds until the next attempt.

    Args:
        failed: the number of failed attempts before the last one.
    """
    wait: float = min(FIRST_RETRY_SECONDS * RETRY_FACTOR ** min(failed, 20), LONGEST_RETRY_SECONDS)
    return wait * random.uniform(1 - JITTER, 1 + JITTER)
