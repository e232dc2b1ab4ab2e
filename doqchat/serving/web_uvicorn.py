"""A web process on uvicorn."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from doqchat.serving.connection_limits import FRAME_BYTES, PING_SECONDS
from doqchat.serving.http_uvicorn import HTTPProtocol
from doqchat.serving.shutdown import SHUTDOWN_SECONDS, SPREAD_SECONDS, end_soon, step_between
from doqchat.serving.websocket_uvicorn import WebSocketProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

Watch = Callable[[], Awaitable[None]]


class Server(uvicorn.Server):
    """uvicorn's server, which exits with code 0 on SIGTERM.

    Args:
        config: uvicorn's.
        watch: runs while the server does, and is cancelled at its end.
    """

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        watching = asyncio.ensure_future(self._watch())
        try:
            await super().serve(sockets)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not handed on to uvicorn, which would raise the signal again when it has finished.
        end_soon()
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, close the sockets one by one with 1012, and shut down as uvicorn does."""
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


def serve(application: "ASGIApplication", listening: socket.socket, watch: Watch, *, log_requests: bool) -> None:
    """Serve the application until SIGTERM or SIGINT; a second signal skips the grace period.

    `watch` runs meanwhile.
    """
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
        proxy_headers=False,  # the site's middleware handles these headers on every server
        interface="asgi3",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS - SPREAD_SECONDS,
        server_header=False,
        access_log=log_requests,
        log_config=None,
        log_level="info" if log_requests else "warning",
    )
    Server(config, watch).run(sockets=[listening])
