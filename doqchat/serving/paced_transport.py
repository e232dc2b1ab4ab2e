"""The transport of a connection on uvicorn, the same while it speaks HTTP and when it has become a WebSocket."""

import asyncio
from collections.abc import Callable
from functools import lru_cache

from doqchat.serving.gathered_writes import GatheredWrites, Turn
from doqchat.serving.limits import CLOSE_SECONDS
from doqchat.serving.paced_reads import Backlog, PacedReads

_turn_of = lru_cache(maxsize=1)(Turn)
_backlog_of = lru_cache(maxsize=1)(Backlog)
"""What all connections of an event loop have in common."""


class PacedTransport(GatheredWrites):
    """A transport that gathers writes, paces reads, and lets go of peers that do not end their connection.

    A transport that is closed flushes what it holds, for ever where the peer does not read: here it is aborted
    CLOSE_SECONDS later.

    Attributes:
        reads: what comes in; the protocol hands on to it all that it receives.
        peer_sends: whether the peer is in the middle of a request. A socket closed then is reset, which can cost the
            peer the response: only our side of it is closed.
    """

    __slots__ = ("_abort_timer", "_loop", "peer_sends", "reads")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, parse: Callable[[bytes], None]
    ) -> None:
        super().__init__(transport, _turn_of(loop))
        self.reads = PacedReads(transport, _backlog_of(loop), parse)
        self.peer_sends = False
        self._loop = loop
        self._abort_timer: asyncio.TimerHandle | None = None

    def pause_reading(self) -> None:
        """Wait for the application."""
        self.reads.hold()

    def resume_reading(self) -> None:
        """Go on when nothing else is waited for."""
        self.reads.release()

    def close(self) -> None:
        """Close after what was written, and ignore what comes."""
        if self.peer_sends:
            self.half_close()
        else:
            self._abort_soon()
            self.reads.discard()
            super().close()

    def half_close(self) -> None:
        """Close our side after what was written, ignore what comes, and wait for the peer to close its own."""
        self.peer_sends = True  # a `close` that follows has nothing to hurry
        self._abort_soon()
        self.reads.discard()
        self.write_eof()

    def lost(self) -> None:
        """Let go of the protocol, once the connection has ended."""
        self.abort()
        self.reads.end()
        if self._abort_timer is not None:
            self._abort_timer.cancel()

    def _abort_soon(self) -> None:
        if self._abort_timer is None and not self._transport.is_closing():
            self._abort_timer = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)
