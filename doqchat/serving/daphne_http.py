"""HTTP connections on daphne: twisted's channel and daphne's request, with the limits of `limits.py`."""

import asyncio
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from daphne.http_protocol import HTTPFactory as DaphneFactory
from daphne.http_protocol import WebRequest
from twisted.internet.protocol import Protocol, connectionDone
from twisted.web.http import HTTPChannel

from doqchat.errors import TooLarge
from doqchat.serving.connection_limits import BODY_SECONDS, HEAD_BYTES, HEAD_SECONDS, SEND_SECONDS, body_bytes
from doqchat.serving.daphne_connection import Deadline, half_close, host_of
from doqchat.serving.error_response import error_response
from doqchat.serving.peers import FULL, peers

CHUNKED_BYTES = 1024
"""How many bytes of a chunked body are decoded per event loop iteration, because each chunk costs many microseconds."""


class Request(WebRequest):
    """daphne's request, with a body in memory and errors in JSON.

    Attributes:
        writable: set while the peer keeps up with reading.
    """

    channel: Any

    def __init__(self, channel: "Channel", *queued: Any) -> None:
        super().__init__(channel, *queued, parsePOSTFormSubmission=False)  # Django parses forms
        self.writable = channel.writable

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - twisted's name
        """Keep the body in memory: it is small."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - twisted's name
        """Raises TooLarge for a body that is larger than its path allows."""
        if self.content.tell() + len(data) > self.channel.allowed_body:
            raise TooLarge(self.channel.too_large())
        self.content.write(data)

    def process(self) -> None:
        """Pass the request to the application, or its connection to a WebSocket."""
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")  # not for peers to set
        protocols = self.requestHeaders.getRawHeaders(b"Sec-WebSocket-Protocol", [])
        if all(value.isascii() for value in protocols):
            super().process()
            self._let_go()
        else:
            self.basic_error(400, b"Bad Request", "Sec-WebSocket-Protocol has other than ASCII characters")

    def _let_go(self) -> None:
        """When the connection has become a WebSocket, leave no cycle with the channel to the garbage collector."""
        if self.transport is None:
            self.channel.requests.clear()
            self.channel = None

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Refuse a request with daphne's reason."""
        if not self.finished and self.channel:
            self.channel.refuse(status, body.rstrip(".") + ".")

    def handle_exception(self, exception: Exception) -> None:
        """Respond with 500, or abort a response that has begun."""
        if self._response_started:
            self.channel.transport.abortConnection()
        else:
            super().handle_exception(exception)


class Channel(HTTPChannel):
    """twisted's channel, which refuses large and slow requests, and stops reading from a peer that does not read.

    Attributes:
        writable: set while the peer keeps up with reading.
        allowed_body: the largest body of the present request, in bytes.
    """

    MAX_LENGTH = HEAD_BYTES
    totalHeadersSize = HEAD_BYTES  # noqa: N815 - twisted's
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.writable = asyncio.Event()
        self.writable.set()
        self.allowed_body = 0
        self._head_bytes = self._body_bytes = 0
        self._ending = self._answered = self._decoding = False
        self._deadline, self._stalled = Deadline(), Deadline()

    def connectionMade(self) -> None:  # noqa: N802 - twisted's names, here and below
        super().connectionMade()
        self._deadline.set(HEAD_SECONDS, self._late)

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        self._ending = True
        self._deadline.clear()
        self._stalled.clear()
        peers().disconnected(host_of(self.transport))
        super().connectionLost(reason)
        self.writable.set()

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error, and close."""
        if not self._ending:
            self.transport.write(error_response(status, message))
            self._end()

    def too_large(self) -> str:
        """The error for a body that is too large."""
        return f"The body of a request is limited to {self.allowed_body:,} bytes here."

    def _end(self) -> None:
        self._ending = self.paused = True  # paused: nothing more of what has come is parsed
        self._buffer = b""
        half_close(self.transport, self._deadline)

    def _late(self) -> None:
        """The peer was too slow; if no request has begun, just close the connection."""
        if self._answered and self.line_mode and not self._head_bytes and not self._buffer:
            self._end()
        else:
            part, seconds = ("head", HEAD_SECONDS) if self.line_mode else ("body", BODY_SECONDS)
            self.refuse(408, f"The {part} of a request must arrive within {seconds:g} s.")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._ending:
            return
        super().dataReceived(data)
        if self.line_mode and self._head_bytes + len(self._buffer) > HEAD_BYTES and not self.paused:
            self.lineLengthExceeded(b"")

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        self._head_bytes += len(line) + len(self.delimiter)
        if self._head_bytes > HEAD_BYTES:
            self.lineLengthExceeded(line)
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        self.refuse(431, f"The request line and headers are limited to {HEAD_BYTES:,} bytes.")

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(431, f"A request is limited to {self.maxHeaders} headers.")
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than Python reads
            self._respondToBadRequestAndDisconnect()
            return False

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self.refuse(400, "This is not a valid HTTP/1.1 request.")

    def allHeadersReceived(self) -> None:  # noqa: N802
        self._head_bytes = self._body_bytes = 0
        target: Any = self._path  # bytes, whatever twisted's annotations say
        self.allowed_body = body_bytes(unquote(target.partition(b"?")[0].decode("latin-1")))
        if self.length is not None and self.length > self.allowed_body:
            self.refuse(413, self.too_large())
            return
        self._deadline.set(BODY_SECONDS, self._late)
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.transport.protocol is not self:  # the rest of what came with the handshake of a WebSocket
            self.transport.protocol.dataReceived(data)
            return
        if self.length is None and not self._handlingRequest:
            data = self._first_of(data)
        self._body_bytes += len(data)
        try:
            super().rawDataReceived(data)
        except TooLarge as problem:
            self.refuse(413, problem.message)
        unfinished = not self.line_mode and not self._handlingRequest
        if unfinished and self._body_bytes > self.allowed_body + HEAD_BYTES:  # chunk sizes, extensions and trailers
            self.refuse(413, self.too_large())

    def _first_of(self, data: bytes) -> bytes:
        """What of this is decoded now; the rest is decoded next, before the request can have been answered."""
        if len(data) > CHUNKED_BYTES:
            self._buffer = data[CHUNKED_BYTES:]
            self._decoding = self.paused = True
            self.transport.pauseProducing()
            asyncio.get_running_loop().call_soon(self._decode_rest)
        return data[:CHUNKED_BYTES]

    def _decode_rest(self) -> None:
        if not self._ending:
            self._decoding = self.paused = False
            self.transport.resumeProducing()
            self.dataReceived(b"")

    def allContentReceived(self) -> None:  # noqa: N802
        self._deadline.clear()
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:  # noqa: N802
        """The next request waits until the peer has read this response."""
        self._answered = True
        self.paused = self._waitingForTransport
        self._deadline.set(HEAD_SECONDS, self._late)
        if self.paused:
            self._deadline.clear()
            self.transport.pauseProducing()
        super().requestDone(request)

    def loseConnection(self) -> None:  # noqa: N802
        super().loseConnection()
        self._stalled.set(SEND_SECONDS, self.transport.abortConnection)

    def pauseProducing(self) -> None:  # noqa: N802
        """The peer does not read; it has SEND_SECONDS to resume."""
        if self.writable.is_set():
            self.writable.clear()
            self._stalled.set(SEND_SECONDS, self.transport.abortConnection)
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        self.writable.set()
        self._stalled.clear()
        super().resumeProducing()
        if self.paused and not self._ending and not self._decoding:
            self.paused = False
            self._deadline.set(HEAD_SECONDS, self._late)
            self.dataReceived(b"")


class RefusedConnection(Protocol):
    """A connection of a peer that has too many: nothing of it is read, and later it gets 429 and is closed.

    Args:
        seconds: when.
    """

    transport: Any

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = Deadline()

    def connectionMade(self) -> None:  # noqa: N802
        self.transport.pauseProducing()
        self._deadline.set(self._seconds, self._refuse)

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        self._deadline.clear()
        peers().disconnected(host_of(self.transport))

    def _refuse(self) -> None:
        self.transport.write(error_response(429, FULL))
        self.transport.loseConnection()


class HTTPFactory(DaphneFactory):
    """Creates these connections."""

    protocol = Channel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.timeOut = None  # the channel has its own timeouts

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - twisted's name
        refused_after = peers().connected(getattr(addr, "host", ""))
        if refused_after is not None:
            return RefusedConnection(refused_after)
        channel: Any = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel
