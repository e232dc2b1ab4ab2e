"""Received data is parsed in slices, so that no connection blocks the event loop for long."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from typing import Final, Protocol

log = logging.getLogger(__name__)

SLICE_BYTES: Final = 256
"""Slice size in bytes for larger reads: up to 42 of the smallest WebSocket frames."""

AT_ONCE_BYTES: Final = 1024
"""Maximum size of a read that is parsed immediately: a usual message, or the headers of a usual request."""

TURN_SECONDS: Final = 0.0005
"""Time per event loop iteration for parsing the remaining slices of all connections."""


class Hold:
    """Reasons to pause parsing, cleared independently. Plain bits, because enum flags cost more than a frame."""

    APPLICATION: Final = 1  # the application is busy
    PEER: Final = 2  # the peer does not read
    HANDSHAKE: Final = 4  # not yet answered
    PIPELINE: Final = 8  # another request waits for the response to the one before


class Parsing(Protocol):
    """A connection with more to parse."""

    def parse_next(self) -> None:
        """Parse a little of it."""


class RoundRobin:
    """The connections of an event loop with more than one slice to parse, served round robin."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Parsing] = deque()
        self._scheduled = False

    def add(self, connection: Parsing) -> None:
        """Schedule the next slice of this connection."""
        self._waiting.append(connection)
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


round_robin_of = lru_cache(maxsize=1)(RoundRobin)
"""The one that all connections of an event loop share."""


class PacedReads:
    """Passes received data to a parser, slice by slice, unless paused.

    The transport is paused only when more data arrives meanwhile, so at most one read (256 KiB on uvloop) is unparsed.
    An exception of the parser aborts the connection.

    Args:
        transport: the transport of the connection.
        round_robin: schedules the parsing in its event loop.
        parse: parses a slice; may be replaced when the protocol changes.
    """

    __slots__ = ("_discarding", "_held", "_paused", "_queued", "_rest", "_round_robin", "_transport", "parse")

    def __init__(self, transport: asyncio.Transport, round_robin: RoundRobin, parse: Callable[[bytes], None]) -> None:
        self.parse = parse
        self._transport = transport
        self._round_robin = round_robin
        self._held = 0
        self._rest: list[bytes | memoryview] = []  # short; an empty deque takes 600 bytes more
        self._paused = self._queued = self._discarding = False

    @property
    def waits_for_peer(self) -> bool:
        """Whether everything that was received has been parsed."""
        return not self._rest and not self._held

    def received(self, data: bytes) -> None:
        """Parse this, now or in a later iteration."""
        if self._held or self._rest or self._discarding or len(data) > AT_ONCE_BYTES:
            self._keep(data)
            return
        try:
            self.parse(data)
        except Exception as error:
            self._abort(error)

    def hold(self, reason: int = Hold.APPLICATION) -> None:
        """Pause parsing for a reason."""
        self._held |= reason

    def release(self, reason: int = Hold.APPLICATION) -> None:
        """Resume parsing, unless there is another reason to wait."""
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
        """Discard all further data. The transport is still read, to detect its end."""
        self._discarding = True
        self._held = 0
        self._rest.clear()
        self._go_on()

    def end(self) -> None:
        """Discard all further data and release the parser."""
        self.discard()
        self.parse = _ignore

    def parse_next(self) -> None:
        """Parse one remaining slice; called by the round_robin."""
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
        log.warning("A connection was aborted because its parser failed: %r", error)
        self.discard()
        self._transport.abort()

    def _go_on(self) -> None:
        if self._held:
            return
        if self._rest:
            if not self._queued:
                self._queued = True
                self._round_robin.add(self)
        elif self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()


def _ignore(data: bytes) -> None:
    """Discards data after the end of the connection."""
