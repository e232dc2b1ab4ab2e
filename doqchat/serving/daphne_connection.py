"""Shared by HTTP and WebSocket connections on daphne: deadlines, and a close that peers cannot delay."""

import asyncio
from collections.abc import Callable
from typing import Any

from doqchat.serving.connection_limits import CLOSE_SECONDS


class Deadline:
    """At most one scheduled call; setting another replaces it."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        return self._due is not None

    def set(self, seconds: float, call: Callable[[], Any]) -> None:
        """Call this after the given seconds, unless the deadline is cleared."""
        self.clear()
        self._due = asyncio.get_running_loop().call_later(seconds, call)

    def clear(self) -> None:
        """Cancel the call."""
        if self._due is not None:
            self._due.cancel()
            self._due = None


def host_of(transport: Any) -> str:
    """The IP address of the peer; empty on a Unix socket."""
    return getattr(transport.getPeer(), "host", "")


def half_close(transport: Any, deadline: Deadline) -> None:
    """Close our side after what was written; the connection ends with the peer's side, or CLOSE_SECONDS later.

    Closing both sides while the peer still sends would reset the connection, and the peer could lose what was written
    last. The protocol has to ignore what it receives from now on, and to clear the deadline when the connection is
    lost.
    """
    transport.unregisterProducer()  # a paused producer would keep our side open
    transport.loseWriteConnection()
    transport.resumeProducing()
    deadline.set(CLOSE_SECONDS, transport.abortConnection)
