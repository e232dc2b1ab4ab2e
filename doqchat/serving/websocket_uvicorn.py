"""WebSockets on uvicorn, with a limit on messages and a graceful close."""

import asyncio
from collections.abc import Coroutine, Generator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Protocol
from websockets.streams import StreamReader

from doqchat.protocol.names import WRITE_TEXT
from doqchat.serving.connection_limits import CLOSE_SECONDS, FRAGMENTS, FRAME_BYTES, KEPT_BYTES, MESSAGE_SECONDS
from doqchat.serving.error_response import error_response
from doqchat.serving.paced_reads import Hold
from doqchat.serving.paced_transport import PacedTransport
from doqchat.serving.shutdown import RESTART_CODE

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

RESTARTING = "The server restarts; connect again."

_CONTINUATION: Final = Opcode.CONT
_TEXT: Final = Opcode.TEXT
_BINARY: Final = Opcode.BINARY
_PING: Final = Opcode.PING
_PONG: Final = Opcode.PONG
_CLOSE: Final = Opcode.CLOSE


class FrameReader(StreamReader):
    """websockets' reader of frames, which keeps KEPT_BYTES of a payload and skips the rest.

    Attributes:
        in_frame: whether a frame has begun and is not complete.
        skipped: how many bytes of the present message were read over.
    """

    in_frame = False
    skipped = 0

    def at_eof(self) -> Generator[None, None, bool]:
        while not self.buffer:
            self.in_frame = False
            if self.eof:
                return True
            yield
        self.in_frame = True
        return False

    def read_exact(self, n: int) -> Generator[None, None, bytearray]:
        if n > KEPT_BYTES:
            return (yield from self._read_over(n))
        while len(self.buffer) < n:
            yield
        data = self.buffer[:n]
        del self.buffer[:n]
        return data

    def _read_over(self, n: int) -> Generator[None, None, bytearray]:
        kept = yield from self.read_exact(KEPT_BYTES)
        left = n - KEPT_BYTES
        self.skipped += left
        while left > len(self.buffer):
            left -= len(self.buffer)
            self.buffer.clear()
            yield
        del self.buffer[:left]
        return kept


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, which limits unfinished messages, and flushes pending frames before it closes a connection.

    uvicorn leaves a closed transport to flush what it holds, for ever where the peer does not read: PacedTransport
    aborts it. A transport closed while the peer still sends is reset, which can cost the peer the close frame: where
    that is likely only our side of it is closed at first. After a close frame of ours nothing else is written.
    """

    transport: PacedTransport  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport of an HTTP connection, a PacedTransport."""
        super().connection_made(transport)
        self.reads = self.transport.reads
        self.reads.parse = self._parse
        self._message = bytearray()
        self._fragments = self._bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._extensions: dict[str, Any] = {}

    def open(self, request: Request) -> None:
        """Pass the handshake to the application; data that the peer sends before it is accepted is queued.

        An invalid one is answered with its error.
        """
        self.reader = self.conn.reader = FrameReader()
        self.conn.parser = Protocol.parse(self.conn)  # instead of ServerProtocol's, which expects the handshake
        next(self.conn.parser)
        self.reads.hold(Hold.HANDSHAKE)
        self.handle_connect(request)
        if self.conn.handshake_exc is not None:
            _forget_frames(self.conn.handshake_exc)
        else:
            self._extensions = cast(dict[str, Any], self.scope["extensions"])
            self._extensions[WRITE_TEXT] = self.write_text

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._extensions.pop(WRITE_TEXT, None)  # it refers to the protocol, which refers to the scope
        self._stop_deadline()
        self.transport.lost()
        self.conn.parser_exc = None  # its traceback refers to the connection

    def data_received(self, data: bytes) -> None:
        self.reads.received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.reads.hold(Hold.PEER)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.reads.release(Hold.PEER)

    def send(self, message: "ASGISendEvent") -> Coroutine[Any, Any, None]:
        """Waits while the peer is behind on reading; a close does not wait, and ends the wait of others."""
        if message["type"] == "websocket.send":
            return super().send(message)
        return self._send_close(message) if message["type"] == "websocket.close" else self._answer(message)

    def write_text(self, text: str) -> bool:
        """Write a text message without waiting; the scope's extension WRITE_TEXT.

        Returns False, and writes nothing, where `send` would have to wait or cannot write.
        """
        if not self.writable.is_set() or not self.handshake_complete or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(_text_frame(text))
        return True

    async def _answer(self, message: "ASGISendEvent") -> None:
        await super().send(message)
        if self.handshake_complete:
            del self.request, self.response  # 4 KiB for as long as the connection is open
            self.reads.release(Hold.HANDSHAKE)

    async def _send_close(self, message: "ASGISendEvent") -> None:
        self.writable.set()
        await super().send(message)
        self.disconnected = True  # pending and later writers learn that the connection has ended
        if self.close_timer is not None:  # uvicorn's would leave a peer that does not read the transport to flush
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _parse(self, data: bytes) -> None:
        self.conn.receive_data(data)
        self.handle_events()
        if self.conn.parser_exc is not None:
            self._end()
        if self.close_sent:
            self.conn.data_to_send()
        elif self.reader.in_frame or self.conn.current_size is not None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(MESSAGE_SECONDS, self._message_is_late)
        elif self._deadline is not None:
            self._stop_deadline()

    def handle_events(self) -> None:
        """As uvicorn's; after a close frame of ours only the peer's counts."""
        frames: list[Any] = self.conn.events_received()
        for frame in frames:
            opcode = frame.opcode
            if self.close_sent:
                if opcode is _CLOSE:
                    self.handle_close(frame)
            elif opcode is _TEXT or opcode is _BINARY:
                self._is_text = opcode is _TEXT
                if frame.fin:
                    self._deliver(frame.data)
                else:
                    self._begin(frame)
            elif opcode is _CONTINUATION:
                self._continue(frame)
            elif opcode is _PING:
                self.handle_ping()
            elif opcode is _PONG:
                self.handle_pong(frame)
            else:
                self.handle_close(frame)

    def _begin(self, frame: Frame) -> None:
        """Keep the first fragment of a message."""
        self._message = bytearray(frame.data)
        self._fragments, self._bytes = 1, 0
        self._count(frame)

    def _continue(self, frame: Frame) -> None:
        """Add a fragment to the message."""
        self._message += frame.data[: KEPT_BYTES - len(self._message)]
        self._fragments += 1
        self._count(frame)
        if self._bytes > FRAME_BYTES:
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message of more than {FRAME_BYTES:,} bytes")
        elif frame.fin:
            message, self._message = self._message, bytearray()
            self._deliver(message)
        elif self._fragments >= FRAGMENTS:
            self._fail(CloseCode.POLICY_VIOLATION, f"more than {FRAGMENTS} fragments")

    def _count(self, frame: Frame) -> None:
        """Count a fragment, with what was not kept of it, for the limit of a whole message.

        websockets has parsed what came with it already, by the sizes that it knew then.
        """
        self._bytes += len(frame.data) + self.reader.skipped
        if self.conn.current_size is not None:
            self.conn.current_size += self.reader.skipped
        self.reader.skipped = 0

    def _deliver(self, data: bytes | bytearray) -> None:
        """Pass a message to the application."""
        self.reader.skipped = 0
        if self._deadline is not None:
            self._stop_deadline()
        if self._is_text:
            try:
                # Replacing makes a text no shorter: one that was cut off stays larger than the protocol takes.
                text = data.decode(errors="strict" if len(data) < KEPT_BYTES else "replace")
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
                return
            self.queue.put_nowait({"type": "websocket.receive", "text": text})
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": bytes(data)})
        if not self.read_paused:
            self.read_paused = True
            self.reads.hold()

    def _message_is_late(self) -> None:
        self._deadline = None
        if self.reads.waits_for_peer:
            self._fail(CloseCode.POLICY_VIOLATION, f"a message took more than {MESSAGE_SECONDS} s")
        else:
            self._deadline = self.loop.call_later(MESSAGE_SECONDS, self._message_is_late)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def shutdown(self) -> None:
        """Close with 1012, so that the peer reconnects; it has CLOSE_SECONDS to respond.

        A handshake in progress is refused with 503.
        """
        if self.handshake_complete:
            self._fail(RESTART_CODE)
        elif self.initial_response is None:
            self.transport.write(error_response(503, RESTARTING))
            self.initial_response = 503, [], b""  # the application's is too late
            self.disconnected = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": RESTART_CODE})
            self.transport.close()
        else:
            super().shutdown()

    def _fail(self, code: int, reason: str = "") -> None:
        """Send a close frame and end the connection, whatever else the peer sends."""
        if not self.close_sent:
            self.conn.fail(code, reason)
            self._end()

    def _end(self) -> None:
        """Write the close frame that is due, if any, and wait for the peer to close."""
        if not self.close_sent and self.conn.close_sent is not None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self.disconnected = True
        self.stop_keepalive()
        self._stop_deadline()
        self.writable.set()
        self.transport.half_close()


@lru_cache(maxsize=16)
def _text_frame(text: str) -> bytes:
    """A message in one frame, the same bytes for all members of a session."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def _forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an exception and its causes, to which their frames refer in turn."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
