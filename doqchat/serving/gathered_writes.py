"""What is written to one socket in quick succession goes out together: a system call costs more than a frame."""

import asyncio
from typing import Any, Final

AT_ONCE: Final = 2
"""How many writes of one turn of the event loop go out as they come: who talks sees a message, and perhaps an ack."""

HELD_BYTES: Final = 32 * 1024
"""How much may wait for the end of the turn; a socket that is not read must not get ahead of its back-pressure."""


class Turn:
    """The present turn of an event loop: from the first write until everything that was ready then has run.

    Attributes:
        number: counts the turns up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number = 0
        self._loop = loop
        self._ends = False
        self._holding: list[GatheredWrites] = []

    def begin(self) -> None:
        """Note that the turn is to end."""
        if not self._ends:
            self._ends = True
            self._loop.call_soon(self._end)

    def hold(self, writes: "GatheredWrites") -> None:
        """Have what these hold written at the end of the turn."""
        self._holding.append(writes)

    def _end(self) -> None:
        self.number += 1
        self._ends = False
        holding, self._holding = self._holding, []
        for writes in holding:
            writes.flush()


class GatheredWrites:
    """A transport of which the first AT_ONCE writes of a turn go out at once, and the others together at its end.

    Args:
        transport: what is written to; all else that is asked of it is passed on, in the order of the writes.
        turn: the turn of its event loop.
    """

    __slots__ = ("_count", "_held", "_held_bytes", "_number", "_transport", "_turn")

    def __init__(self, transport: asyncio.Transport, turn: Turn) -> None:
        self._transport = transport
        self._turn = turn
        self._number = -1
        self._count = 0
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Write, now or at the end of the turn."""
        if self._number != self._turn.number:
            self._number = self._turn.number
            self._count = 0
            self._turn.begin()
        self._count += 1
        if self._count <= AT_ONCE:
            self._transport.write(data)
        else:
            self._hold(data)

    def _hold(self, data: bytes) -> None:
        if not self._held:
            self._turn.hold(self)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held, unless the connection has broken meanwhile."""
        if self._held:
            data = b"".join(self._held)
            self._held, self._held_bytes = [], 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def write_eof(self) -> None:
        """Close our side after what was written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close after what was written."""
        self.flush()
        self._transport.close()

    def pause_reading(self) -> None:
        """As the transport's, which runs with every frame that comes in."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """As the transport's."""
        self._transport.resume_reading()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
