"""WebSocket connections on daphne: autobahn's protocol, which reads no faster than the application and its peer do."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import autobahn.websocket.protocol
from daphne.ws_protocol import WebSocketProtocol as DaphneProtocol

from doqchat.serving.connection_limits import FRAGMENTS, FRAME_BYTES, KEPT_BYTES, MESSAGE_SECONDS, SEND_SECONDS
from doqchat.serving.daphne_connection import Deadline, half_close, host_of
from doqchat.serving.error_response import error_response
from doqchat.serving.paced_reads import AT_ONCE_BYTES, round_robin_of
from doqchat.serving.peers import peers

log = logging.getLogger(__name__)

# autobahn formats its options for the debug log at every connection, even if nothing is logged.
setattr(autobahn.websocket.protocol, "pformat", str)  # noqa: B010 - a private name

STEPS_A_TURN = 16
"""autobahn's steps in one turn of a connection, two for each frame: about a quarter of a millisecond."""

GONE, POLICY, TOO_BIG, FAILED = 1006, 1008, 1009, 1011


class WebSocketProtocol(DaphneProtocol):
    """daphne's, with back-pressure in both directions.

    It hands the application one message at a time, parses a few frames a turn, and reads no more while the application
    is busy or the peer leaves pongs unread. After a close frame it writes nothing, and ignores what comes.

    Attributes:
        writable: set while the peer keeps up with reading.
        ended: set when the connection is gone.
    """

    muted: bool

    def connectionMade(self) -> None:  # noqa: N802 - autobahn's and twisted's names, here and below
        self.writable, self.ended = asyncio.Event(), asyncio.Event()
        self.writable.set()
        self._deadline, self._stalled = Deadline(), Deadline()
        self._queued = False
        self._handshaken = False
        self._application_busy = self._pong_unread = False
        self._message, self._message_bytes, self._frames = bytearray(), 0, 0
        self.transport.unregisterProducer()  # the HTTP channel, which has handed the connection over
        self.transport.registerProducer(self, True)
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._deadline.clear()
        self._stalled.clear()
        peers().disconnected(host_of(self.transport))
        super().connectionLost(reason)
        self.is_closed = None  # a Deferred whose result is the protocol: a cycle for the garbage collector
        self.writable.set()
        self.ended.set()

    # Received data

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.state == self.STATE_OPEN:
            self.data += data
            if not self._queued and self._ready() and len(data) <= AT_ONCE_BYTES:
                self.consumeData()
            else:
                self.transport.pauseProducing()
                self._parse_soon()
        elif self.state == self.STATE_CONNECTING:
            self.data += data
            if self._handshaken:  # it did not wait for our part of the handshake
                self.transport.pauseProducing()
            else:
                self._handshaken = True
                self.processHandshake()

    def consumeData(self) -> None:  # noqa: N802
        """Parse received data until a message is complete, the turn is over, or nothing is left."""
        more, steps = True, STEPS_A_TURN
        while more and steps and self._ready():
            more, steps = self.processData(), steps - 1
        if self.state != self.STATE_OPEN:
            return
        if self._ready() and not more:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()
        if self._ready() and more:
            self._parse_soon()
        self._limit_time()

    def _ready(self) -> bool:
        return self.state == self.STATE_OPEN and not self._application_busy and not self._pong_unread

    def _parse_soon(self) -> None:
        if not self._queued and self._ready():
            self._queued = True
            round_robin_of(asyncio.get_running_loop()).add(self)

    def parse_next(self) -> None:
        """Parse a slice of the received data; called by the round robin."""
        self._queued = False
        self.consumeData()

    def _limit_time(self) -> None:
        """A frame or message that has begun has to be complete within MESSAGE_SECONDS."""
        if (self.inside_message or self.current_frame or self.data) and self._ready() and not self._deadline.is_set:
            self._deadline.set(MESSAGE_SECONDS, self._late)

    def _frame_complete(self) -> None:
        if not self.inside_message:
            self._deadline.clear()

    def _late(self) -> None:
        self.close(POLICY, f"A message has to arrive within {MESSAGE_SECONDS:g} s.")

    def taken(self) -> None:
        """The application has received the message: resume parsing and reading, in another turn."""
        self._application_busy = False
        self._parse_soon()

    def pauseProducing(self) -> None:  # noqa: N802
        """The peer does not read what is written to it."""
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        """The peer has read."""
        self.writable.set()
        self._pong_unread = False
        self._stalled.clear()
        self._parse_soon()

    def stopProducing(self) -> None:  # noqa: N802
        """The connection has ended."""
        self.writable.set()

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        super().onPing(payload)
        self._frame_complete()
        if not self.writable.is_set():
            self._pong_unread = True
            self._stalled.set(SEND_SECONDS, self.transport.abortConnection)

    def onPong(self, payload: bytes) -> None:  # noqa: N802
        self._frame_complete()

    # Messages; autobahn would keep every fragment

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803
        self.message_is_binary = isBinary
        self._message_bytes = self._frames = 0

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        self._message_bytes += length
        self._frames += 1
        if self._message_bytes > FRAME_BYTES:
            self.close(TOO_BIG, f"A message may have {FRAME_BYTES:,} bytes at most.")
        elif self._frames > FRAGMENTS:
            self.close(POLICY, f"A message may come in {FRAGMENTS:,} frames at most.")

    def onMessageFrameData(self, payload: bytes) -> None:  # noqa: N802
        self._message += payload[: KEPT_BYTES - len(self._message)]

    def onMessageFrameEnd(self) -> None:  # noqa: N802
        pass

    def onMessageEnd(self) -> None:  # noqa: N802
        payload, self._message = bytes(self._message), bytearray()
        self._deadline.clear()
        self.onMessage(payload, self.message_is_binary)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        self.last_ping = time.time()
        self._application_busy = True
        # autobahn has checked the UTF-8; what may be replaced is a character that KEPT_BYTES cut in two.
        content = {"bytes": payload} if isBinary else {"text": payload.decode(errors="replace")}
        self.application_queue.put_nowait({"type": "websocket.receive", **content})

    # Close

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, unless the connection is closing, and let the application know."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:123] or None)  # sendClose takes few codes only
            self._end(code)

    def _end(self, code: int) -> None:
        self.data, self._message = b"", bytearray()
        half_close(self.transport, self._deadline)
        self.writable.set()  # who waits to write learns that it is too late
        if not self.muted and hasattr(self, "application_queue"):
            self.muted = True
            self.application_queue.put_nowait({"type": "websocket.disconnect", "code": code})

    def _fail_connection(self, code: int = FAILED, reason: str = "") -> None:
        log.debug("A peer broke the WebSocket protocol: %s", reason)
        self.close(code, reason)

    def _closeConnection(self, abort: bool = False) -> None:  # noqa: N802
        if abort:
            super()._closeConnection(abort)
        else:
            self._end(self.remoteCloseCode or GONE)

    # The handshake

    def sendHttpErrorResponse(self, code: int, reason: str, headers: Sequence[tuple[str, str]] | None = None) -> None:  # noqa: N802
        self.sendData(error_response(code, f"The WebSocket handshake failed: {reason.rstrip('.')}."))

    def serverAccept(self, subprotocol: str | None = None) -> None:  # noqa: N802
        """Accept; a subprotocol that was offered in another spelling only (`%2E` for a dot) is not chosen."""
        super().serverAccept(subprotocol if subprotocol in self.websocket_protocols else None)

    def handle_exception(self, exception: Exception) -> None:
        """Deny the handshake or close with 1011; daphne has logged the exception."""
        if hasattr(self, "handshake_deferred"):
            super().handle_exception(exception)
        else:
            self.close(FAILED)
