"""HTTP on uvicorn, with limits on what a connection may send and how long it may take."""

import asyncio
from http import HTTPStatus
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request

from doqchat.serving.connection_limits import HEAD_BYTES, HEAD_SECONDS, SEND_SECONDS
from doqchat.serving.error_response import error_response
from doqchat.serving.paced_reads import Hold
from doqchat.serving.paced_transport import PacedTransport, peer_of
from doqchat.serving.peers import FULL, peers
from doqchat.serving.websocket_uvicorn import WebSocketProtocol


class HTTPProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which limits the size and duration of request headers, and waits for peers that do not read.

    A head that is too long is answered with 431, one that is not there in time with 408. The trailers of a chunked
    body have the limit of a head and are not kept. What a request may send in its body is up to the application; one
    that responds without having read it gets its connection closed.
    """

    transport: PacedTransport  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._send_deadline: asyncio.TimerHandle | None = None
        refused_after = peers().connected(peer_of(cast(asyncio.Transport, transport)))
        if refused_after is not None:
            RefusedConnection(cast(asyncio.Transport, transport), self.loop, refused_after)
            return
        self._head_deadline: asyncio.TimerHandle | None = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        paced = PacedTransport(cast(asyncio.Transport, transport), self.loop, self._parse)
        super().connection_made(cast(asyncio.Transport, paced))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_deadline()
        self._stop_send_deadline()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        while self.pipeline:
            waiting, _ = self.pipeline.pop()
            waiting.on_response = _forget  # uvicorn does that when the application ends: it never began
        self.transport.lost()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._in_head and self._head_deadline is None:
            self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        self.transport.reads.received(data)

    def _parse(self, data: bytes) -> None:
        room = HEAD_BYTES - self._head_bytes
        if len(data) > room:
            self.transport.reads.unread(data[room:])
            data = data[:room]
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self._refuse(HTTPStatus.BAD_REQUEST, "This is not a valid HTTP request.")
            return
        else:
            self._head_bytes += len(data)
            if self._head_bytes >= HEAD_BYTES:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"The request line and headers are limited to {HEAD_BYTES:,} bytes.",
                )
            return
        self._upgrade(rest)

    def _upgrade(self, rest: bytes) -> None:
        """Upgrade to a WebSocket, or continue with HTTP."""
        if not self._should_upgrade():
            self._unsupported_upgrade_warning()
        elif self._responding or not self.url.isascii():
            self._refuse(HTTPStatus.BAD_REQUEST, "This request cannot become a WebSocket.")
            return
        else:
            self.handle_websocket_upgrade()
        self.transport.reads.unread(rest)

    def handle_websocket_upgrade(self) -> None:
        """As uvicorn's, but the request is not written out and parsed again, in which longer lines fail."""
        self.connections.discard(self)
        headers = Headers((name.decode("ascii"), value.decode("latin-1")) for name, value in self.scope["headers"])
        version = self.scope["http_version"]
        request = Request(self.url.decode("ascii"), headers, self.scope["method"], f"HTTP/{version}")
        protocol = WebSocketProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(cast(asyncio.BaseTransport, self.transport))
        self.transport.set_protocol(protocol)
        del self.parser  # the parser and the protocol refer to each other
        protocol.open(request)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._stop_head_deadline()
        self.transport.peer_sends = True
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade() and _has_body(self.headers):
            raise ValueError("A request that becomes a WebSocket has no body.")
        if self.pipeline:
            self.transport.reads.hold(Hold.PIPELINE)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0
        self.transport.peer_sends = False

    def on_response_complete(self) -> None:
        if self.transport.peer_sends and not self.pipeline:
            self.transport.close()
        super().on_response_complete()
        if not self.pipeline:
            self.transport.reads.release(Hold.PIPELINE)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.reads.hold(Hold.PEER)
        self._stop_send_deadline()
        self._send_deadline = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_send_deadline()
        self.transport.reads.release(Hold.PEER)

    @property
    def _responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head_is_late(self) -> None:
        self._head_deadline = None
        if self._responding:
            self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._head_is_late)
        else:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The headers of a request must be complete within {HEAD_SECONDS} s.",
            )

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer with an error and close; requests before this one get their responses instead."""
        if self._responding and not self.transport.peer_sends:
            self.cycle.keep_alive = False
            self.transport.reads.discard()
            return
        if self._responding:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not self._responding or not (self.pipeline or self.cycle.response_started):
            self.transport.write(error_response(status, message))
        self.transport.half_close()

    def _stop_head_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _stop_send_deadline(self) -> None:
        if self._send_deadline is not None:
            self._send_deadline.cancel()
            self._send_deadline = None


class RefusedConnection(asyncio.Protocol):
    """A connection of a peer that has too many: nothing of it is read, and later it gets 429 and is closed.

    Args:
        transport: its transport.
        loop: the event loop.
        seconds: when.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._transport = transport
        transport.pause_reading()
        transport.set_protocol(self)
        self._timer = loop.call_later(seconds, self._refuse)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        peers().disconnected(peer_of(self._transport))

    def _refuse(self) -> None:
        self._transport.write(error_response(HTTPStatus.TOO_MANY_REQUESTS, FULL))
        self._transport.close()


def _has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether these headers announce a body."""
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)


def _forget() -> None:
    """Ends a response whose connection is lost, in place of the method of the protocol."""
