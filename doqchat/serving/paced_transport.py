"""The transport of a connection on uvicorn, for both HTTP and WebSocket."""

import asyncio
from collections.abc import Callable
from functools import lru_cache

from doqchat.serving.coalesced_writes import CoalescedWrites, Iteration
from doqchat.serving.connection_limits import CLOSE_SECONDS
from doqchat.serving.paced_reads import PacedReads, round_robin_of
from doqchat.serving.peers import peers

_iteration_of = lru_cache(maxsize=1)(Iteration)
"""State shared by all connections of an event loop."""


def peer_of(transport: asyncio.Transport) -> str:
    """The IP address of the peer; empty on a Unix socket."""
    peername = transport.get_extra_info("peername")
    return str(peername[0]) if isinstance(peername, tuple) else ""


class PacedTransport(CoalescedWrites):
    """A transport that coalesces writes, paces reads, and aborts peers that do not close their connection.

    A closed transport would flush forever if the peer does not read; this one is aborted after CLOSE_SECONDS.

    Attributes:
        reads: receives all incoming data from the protocol.
        peer: the IP address of the peer; empty on a Unix socket.
        peer_sends: whether the peer is in the middle of a request. Closing the socket would then reset the connection,
            and the peer could lose the response; so only our side is closed.
    """

    __slots__ = ("_abort_timer", "_loop", "peer", "peer_sends", "reads")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, parse: Callable[[bytes], None]
    ) -> None:
        super().__init__(transport, _iteration_of(loop))
        self.reads = PacedReads(transport, round_robin_of(loop), parse)
        self.peer = peer_of(transport)
        self.peer_sends = False
        self._loop = loop
        self._abort_timer: asyncio.TimerHandle | None = None

    def pause_reading(self) -> None:
        """Pause reading until the application is ready."""
        self.reads.hold()

    def resume_reading(self) -> None:
        """Resume reading, unless paused for another reason."""
        self.reads.release()

    def close(self) -> None:
        """Close after flushing, and discard incoming data."""
        if self.peer_sends:
            self.half_close()
        else:
            self._abort_soon()
            self.reads.discard()
            super().close()

    def half_close(self) -> None:
        """Close our side after flushing, discard incoming data, and wait for the peer to close."""
        self.peer_sends = True  # a following `close` need not close it earlier
        self._abort_soon()
        self.reads.discard()
        self.write_eof()

    def lost(self) -> None:
        """Release the protocol after the end of the connection."""
        self.abort()
        self.reads.end()
        peers().disconnected(self.peer)
        if self._abort_timer is not None:
            self._abort_timer.cancel()

    def _abort_soon(self) -> None:
        if self._abort_timer is None and not self._transport.is_closing():
            self._abort_timer = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)
