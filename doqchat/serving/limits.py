"""What both web servers hold their connections to, and how long any process has to end."""

import signal

from doqchat.protocol.names import MAX_FRAME_BYTES

FRAME_BYTES = 1024 * 1024
"""The largest WebSocket message taken off the wire; a larger one is answered with close code 1009."""

KEPT_BYTES = MAX_FRAME_BYTES + 1
"""How much of a message is kept: enough to see that it is larger than the protocol takes. The rest is read over."""

FRAGMENTS = 1024
"""The most frames that a message may come in; after that the connection is closed with 1008."""

MESSAGE_SECONDS = 30
"""How long a peer has to complete a message or control frame that it began; then it is closed with 1008."""

HEAD_BYTES = 16 * 1024
"""The longest head of a request, its first line and all header lines together; a longer one is answered with 431."""

HEAD_SECONDS = 10
"""How long a peer has to send a head; then it is answered with 408."""

BODY_BYTES = 64 * 1024
"""The largest body of a request; a larger one is answered with 413."""

ADMIN_BODY_BYTES = 1024 * 1024
"""The same for the forms of the admin, which have a field for each permission."""

BODY_SECONDS = 30
"""How long a peer has to send a body; then it is answered with 408."""

SEND_SECONDS = 30
"""How long an HTTP response waits for a peer that does not read; then its connection is aborted."""

LATE = "request_timeout"
"""The error code of what is answered with 408."""

PING_SECONDS = 20
"""A silent peer is asked this often whether it is there, and has as long again to answer."""

CLOSE_SECONDS = 5
"""How long a peer has to take what was already written once its connection is ending."""

SHUTDOWN_SECONDS = 8
"""How long connections, requests and replies have to end once the process was told to."""

LAST_SECONDS = 2
"""How long the rest may take after that: handing over replies, closing connections to the store."""

SPREAD_SECONDS = 2
"""Over how much of that sockets are told to come back, so that not all of them do so in the same moment."""

LONGEST_STEP = 0.01
"""Seconds between two of them at most: a few sockets need not wait for the whole spread."""

RESTART_CODE = 1012
"""The close code of a server that goes away (PROTOCOL.md): come back with `since`."""


def body_bytes(path: str) -> int:
    """The largest body that a request to this path may have, wherever the site begins."""
    return ADMIN_BODY_BYTES if "/admin/" in path else BODY_BYTES


def step_between(sockets: int) -> float:
    """Seconds to wait between closing one of so many sockets and the next."""
    return min(LONGEST_STEP, SPREAD_SECONDS / max(sockets, 1))


def end_soon() -> None:
    """Let the kernel end this process LAST_SECONDS after SHUTDOWN_SECONDS, should a thread of it hang.

    Without a supervisor, killed perhaps, there is nobody else to do it.
    """
    signal.alarm(SHUTDOWN_SECONDS + LAST_SECONDS)


def kill_seconds() -> int:
    """How long a supervisor waits for a process that was told to end before it kills it: the alarm comes first."""
    return SHUTDOWN_SECONDS + LAST_SECONDS + 1
