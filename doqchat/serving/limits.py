"""What both web servers hold their connections to."""

import signal

FRAME_BYTES = 1024 * 1024
"""The largest WebSocket message taken off the wire; a larger one is answered with close code 1009."""

PING_SECONDS = 20
"""A silent peer is asked this often whether it is there, and has as long again to answer."""

CLOSE_SECONDS = 5
"""How long a peer has to take what was already written once its connection is ending."""

SHUTDOWN_SECONDS = 8
"""How long connections and requests have to end once the process was told to."""

SPREAD_SECONDS = 2
"""Over how much of that sockets are told to come back, so that not all of them do so in the same moment."""

LONGEST_STEP = 0.01
"""Seconds between two of them at most: a few sockets need not wait for the whole spread."""

RESTART_CODE = 1012
"""The close code of a server that goes away (PROTOCOL.md): come back with `since`."""


def step_between(sockets: int) -> float:
    """Seconds to wait between closing one of so many sockets and the next."""
    return min(LONGEST_STEP, SPREAD_SECONDS / max(sockets, 1))


def end_soon() -> None:
    """Let the kernel end this process a second after SHUTDOWN_SECONDS, should a thread of it hang.

    Without a supervisor, killed perhaps, there is nobody else to do it.
    """
    signal.alarm(SHUTDOWN_SECONDS + 1)
