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

RESTART_CODE = 1012
"""The close code of a server that goes away (PROTOCOL.md): come back with `since`."""


def end_soon() -> None:
    """Let the kernel end this process a second after SHUTDOWN_SECONDS, should a thread of it hang.

    Without a supervisor, killed perhaps, there is nobody else to do it.
    """
    signal.alarm(SHUTDOWN_SECONDS + 1)
