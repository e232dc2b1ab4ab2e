"""A web process on uvicorn."""

import asyncio
import socket
from collections.abc import Coroutine
from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from doqchat.serving.gathered_writes import GatheredWrites, Turn
from doqchat.serving.limits import (
    CLOSE_SECONDS,
    FRAME_BYTES,
    PING_SECONDS,
    RESTART_CODE,
    SHUTDOWN_SECONDS,
    SPREAD_SECONDS,
    end_soon,
    step_between,
)

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication, ASGISendEvent
    from websockets.frames import Frame


_turn_of = lru_cache(maxsize=1)(Turn)
"""The turn that all connections of an event loop have in common."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, made to let go of peers that do not read and to let the last words reach those that do.

    uvicorn leaves a closed transport to flush what it holds, for ever where the peer does not read: here it is
    aborted CLOSE_SECONDS later. And a transport closed while the peer still sends is reset, which can cost the peer
    the close frame: where that is likely only our side of it is closed at first.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        gathered = GatheredWrites(cast(asyncio.Transport, transport), _turn_of(self.loop))
        super().connection_made(cast(asyncio.BaseTransport, gathered))

    def send(self, message: "ASGISendEvent") -> Coroutine[Any, Any, None]:
        """Waits while the peer is behind on reading; a close does not wait, and ends the wait of others."""
        return self._send_close(message) if message["type"] == "websocket.close" else super().send(message)

    async def _send_close(self, message: "ASGISendEvent") -> None:
        self.writable.set()
        await super().send(message)
        self.disconnected = True  # those who waited, or come later, learn that the connection has ended
        self._abort_soon()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if not self.disconnected:
            self._abort_soon()

    def handle_close(self, event: "Frame") -> None:
        super().handle_close(event)
        self._abort_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_soon()

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is not None and not self.close_sent:
            self.stop_keepalive()
            self._half_close(self.conn.close_sent.code)

    def shutdown(self) -> None:
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
            return
        self.stop_keepalive()
        self.conn.send_close(RESTART_CODE)
        self._half_close(RESTART_CODE)

    def _half_close(self, code: int) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.close_sent = self.disconnected = True
        self.writable.set()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._abort_soon()

    def _abort_soon(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


class HTTPProtocol(HttpToolsProtocol):
    """uvicorn's, which lets go of its parser when the connection becomes a WebSocket.

    Each refers to the other, and together they would stay until the next full garbage collection.
    """

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        del self.parser


class Server(uvicorn.Server):
    """uvicorn's, which ends with exit code 0 when it is told to end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not handed on to uvicorn, which would raise the signal again when it has finished.
        end_soon()
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, tell the sockets one by one to come back, and end as uvicorn does."""
        for server in self.servers:
            server.close()
        talking = [
            connection for connection in self.server_state.connections if isinstance(connection, WebSocketProtocol)
        ]
        for connection in talking:
            connection.shutdown()
            if not self.force_exit:
                await asyncio.sleep(step_between(len(talking)))
        await super().shutdown(sockets)


def serve(application: "ASGIApplication", listening: socket.socket) -> None:
    """Serve the application to those who connect, until SIGTERM or SIGINT; a second signal cuts the wait short."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=HTTPProtocol,
        ws=WebSocketProtocol,
        ws_max_size=FRAME_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS - SPREAD_SECONDS,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
    )
    Server(config).run(sockets=[listening])
