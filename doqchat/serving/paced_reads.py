"""What a socket receives is parsed in slices, so that no connection occupies the event loop for long."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

log = logging.getLogger(__name__)

SLICE_BYTES: Final = 256
"""How much is parsed at a time of what did not come by itself: up to 42 of the smallest WebSocket frames."""

AT_ONCE_BYTES: Final = 1024
"""How much is parsed as it comes: a message of usual length, or the head of a usual request."""

TURN_SECONDS: Final = 0.0005
"""For how long a turn of the event loop parses what is left over, of all connections together."""


class Hold:
    """Why nothing is parsed: each reason is taken back by itself. Plain bits, as enum's cost more than a frame."""

    APPLICATION: Final = 1  # has not taken what it was given
    PEER: Final = 2  # does not read what was written to it
    HANDSHAKE: Final = 4  # not yet answered
    PIPELINE: Final = 8  # another request waits for the response to the one before


class Backlog:
    """The connections of an event loop that have received more than one slice, served in turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[PacedReads] = deque()
        self._scheduled = False

    def add(self, reads: "PacedReads") -> None:
        """Have the next slice of this connection parsed in the next turn, or later when there are many."""
        self._waiting.append(reads)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        until = perf_counter() + TURN_SECONDS
        while self._waiting:
            self._waiting.popleft().parse_next()
            if perf_counter() >= until:
                break
        if self._waiting:
            self._schedule()


class PacedReads:
    """Passes what a transport receives to a parser, slice by slice, while there is no reason to wait.

    The transport is paused only when more arrives meanwhile, so what is not parsed has the size of one read at most
    (256 KiB on uvloop). An exception of the parser aborts the connection.

    Args:
        transport: what is read from.
        backlog: the one of its event loop.
        parse: takes a slice; may be replaced when the protocol changes.
    """

    __slots__ = ("_backlog", "_discarding", "_held", "_paused", "_queued", "_rest", "_transport", "parse")

    def __init__(self, transport: asyncio.Transport, backlog: Backlog, parse: Callable[[bytes], None]) -> None:
        self.parse = parse
        self._transport = transport
        self._backlog = backlog
        self._held = 0
        self._rest: list[bytes | memoryview] = []  # short; an empty deque takes 600 bytes more
        self._paused = self._queued = self._discarding = False

    @property
    def waits_for_peer(self) -> bool:
        """Whether everything that was received has been parsed."""
        return not self._rest and not self._held

    def received(self, data: bytes) -> None:
        """Parse this, now or in a later turn."""
        if self._held or self._rest or self._discarding or len(data) > AT_ONCE_BYTES:
            self._keep(data)
            return
        try:
            self.parse(data)
        except Exception as error:
            self._abort(error)

    def hold(self, reason: int = Hold.APPLICATION) -> None:
        """Parse nothing for now."""
        self._held |= reason

    def release(self, reason: int = Hold.APPLICATION) -> None:
        """Go on, unless there is another reason to wait."""
        self._held &= ~reason
        if self._rest or self._paused:
            self._go_on()

    def unread(self, data: bytes) -> None:
        """Parse this before everything else; only while parsing."""
        if data:
            self._rest.insert(0, data)
            self._pause()
            self._go_on()

    def discard(self) -> None:
        """Ignore all that comes from now on. The transport is read, so that its end is noticed."""
        self._discarding = True
        self._held = 0
        self._rest.clear()
        self._go_on()

    def end(self) -> None:
        """Ignore all that comes, and let go of the parser."""
        self.discard()
        self.parse = _ignore

    def parse_next(self) -> None:
        """Parse one slice of what is left over; called by the backlog."""
        self._queued = False
        if self._rest and not self._held:
            data = self._rest.pop(0)
            if len(data) > SLICE_BYTES:
                self._rest.insert(0, memoryview(data)[SLICE_BYTES:])
            try:
                self.parse(bytes(data[:SLICE_BYTES]))
            except Exception as error:
                self._abort(error)
            self._go_on()

    def _keep(self, data: bytes) -> None:
        if not self._discarding:
            self._rest.append(data)
            self._pause()
            self._go_on()

    def _abort(self, error: Exception) -> None:
        log.warning("A connection is aborted, its parser failed: %r", error)
        self.discard()
        self._transport.abort()

    def _go_on(self) -> None:
        if self._held:
            return
        if self._rest:
            if not self._queued:
                self._queued = True
                self._backlog.add(self)
        elif self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()


def _ignore(data: bytes) -> None:
    """Takes what comes when the connection has ended."""
