"""Shutdown: how long it may take, and how sockets are closed."""

import signal

SHUTDOWN_SECONDS = 8
"""Grace period of connections, requests and replies after SIGTERM."""

LAST_SECONDS = 2
"""Timeout of the remaining shutdown: handing over replies, closing connections to the store."""

SPREAD_SECONDS = 2
"""Period over which sockets are closed at shutdown, so that clients do not reconnect at the same time."""

LONGEST_STEP = 0.01
"""Maximum seconds between two of them, so that few sockets are closed quickly."""

RESTART_CODE = 1012
"""The close code of a restarting server: reconnect with `since`."""


def step_between(sockets: int) -> float:
    """Seconds between closing two of this number of sockets."""
    return min(LONGEST_STEP, SPREAD_SECONDS / max(sockets, 1))


def end_soon() -> None:
    """Have the kernel kill this process LAST_SECONDS after SHUTDOWN_SECONDS, in case a thread hangs.

    The supervisor may not exist, for example because it was killed.
    """
    signal.alarm(SHUTDOWN_SECONDS + LAST_SECONDS)


def kill_seconds() -> int:
    """How long the supervisor waits after SIGTERM before it kills a process; the process's alarm comes first."""
    return SHUTDOWN_SECONDS + LAST_SECONDS + 1
