"""Write coalescing: consecutive writes to a socket share a system call, which costs more than a frame."""

import asyncio
import logging
from typing import Any, Final

log = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""Number of writes to a socket per event loop iteration that are sent immediately: a message and an acknowledgement."""

IN_ALL: Final = 16
"""Number of writes to all sockets per event loop iteration that are sent immediately. A large session delivers several
events per iteration when it is busy, and system calls are most of their cost."""

HELD_BYTES: Final = 32 * 1024
"""Maximum number of bytes held until the end of the iteration, so that back-pressure still works."""


class Iteration:
    """The current iteration of an event loop: from the first write until all callbacks that were ready have run.

    Attributes:
        number: the number of the iteration.
        sent: the number of writes that were sent immediately.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number = 0
        self.sent = 0
        self._loop = loop
        self._ends = False
        self._holding: list[CoalescedWrites] = []

    def begin(self) -> None:
        """Schedule the end of the iteration."""
        if not self._ends:
            self._ends = True
            self._loop.call_soon(self._end)

    def hold(self, writes: "CoalescedWrites") -> None:
        """Flush this transport at the end of the iteration."""
        self._holding.append(writes)

    def _end(self) -> None:
        self.number += 1
        self.sent = 0
        self._ends = False
        holding, self._holding = self._holding, []
        for writes in holding:
            writes.flush_or_abort()


class CoalescedWrites:
    """A transport that sends the first AT_ONCE writes of an iteration immediately, and the others together at its end.

    Data written after `write_eof`, `close` or `abort` is dropped.

    Args:
        transport: the underlying transport; other calls are forwarded, in the order of the writes.
        iteration: the current iteration of its event loop.
    """

    __slots__ = ("_count", "_held", "_held_bytes", "_iteration", "_number", "_open", "_transport")

    def __init__(self, transport: asyncio.Transport, iteration: Iteration) -> None:
        self._transport = transport
        self._iteration = iteration
        self._open = True
        self._number = -1
        self._count = 0
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Write, now or at the end of the iteration."""
        if not self._open:
            return
        iteration = self._iteration
        if self._number != iteration.number:
            self._number = iteration.number
            self._count = 0
            iteration.begin()
        self._count += 1
        if self._count <= AT_ONCE and iteration.sent < IN_ALL:
            iteration.sent += 1
            self._transport.write(data)
        else:
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        if not self._held:
            self._iteration.hold(self)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the held data, unless the connection has broken meanwhile."""
        if self._held:
            data = b"".join(self._held)
            self._held, self._held_bytes = [], 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def flush_or_abort(self) -> None:
        """Write the held data; if that fails, abort the connection without raising."""
        try:
            self.flush()
        except Exception as error:
            log.warning("A connection was aborted because a write failed: %r", error)
            self.abort()

    def write_eof(self) -> None:
        """Close our side after what was written."""
        if self._open and not self._transport.is_closing():
            self.flush()
            self._transport.write_eof()
        self._open = False

    def close(self) -> None:
        """Close after what was written."""
        if self._open:
            self.flush()
        self._open = False
        self._transport.close()

    def abort(self) -> None:
        """Close immediately and discard the held data."""
        self._open = False
        self._held = []
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the transport is closing."""
        return not self._open or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
