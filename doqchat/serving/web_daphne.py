"""A web process on daphne."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import doqchat.serving.reactor  # noqa: F401  # before daphne and the rest of Twisted

# isort: split
from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor

from doqchat.serving.connection_limits import PING_SECONDS
from doqchat.serving.daphne_http import HTTPFactory, Request
from doqchat.serving.daphne_websocket import WebSocketProtocol
from doqchat.serving.shutdown import RESTART_CODE, SHUTDOWN_SECONDS, SPREAD_SECONDS, end_soon, step_between

log = logging.getLogger(__name__)
access_log = logging.getLogger("daphne.access")

ActionLogger = Callable[[str, str, dict[str, Any]], None]
"""What daphne calls with a protocol, what happened, and its details."""


PIECE_BYTES = 64 * 1024
"""How many bytes of a response are written before the peer must read."""


class Server(DaphneServer):
    """daphne's, with back-pressure and a graceful shutdown.

    daphne buffers without limit for a peer that does not read; here `send` waits. At shutdown daphne drops its sockets;
    here they get close code 1012, and applications have time to finish.
    """

    def __init__(
        self,
        application: Any,
        listening: socket.socket,
        watch: Callable[[], Awaitable[None]],
        action_logger: ActionLogger | None,
    ) -> None:
        super().__init__(
            application,
            endpoints=["taken over in listen()"],  # daphne's own endpoint for a socket knows IPv4 only
            action_logger=action_logger,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            websocket_timeout=-1,
            websocket_max_message_size=0,  # the protocol limits received messages, sent ones are not limited
            websocket_max_frame_size=0,
            verbosity=0,
            server_name="",
        )
        self.endpoints.clear()
        self.listening = listening
        self.watch = watch
        self.sockets: set[WebSocketProtocol] = set()

    def run(self) -> None:
        reactor.callWhenRunning(self.listen)
        super().run()

    def listen(self) -> None:
        self.http_factory = HTTPFactory(self)
        self.ws_factory.protocol = WebSocketProtocol
        self.ws_factory.setProtocolOptions(closeHandshakeTimeout=0)  # the protocol has its own timeout
        self.listening.setblocking(False)
        self.port = reactor.adoptStreamPort(self.listening.fileno(), self.listening.family, self.http_factory)
        self.listening.close()
        self.watching = asyncio.ensure_future(self.watch())

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            self.sockets.add(protocol)

    def protocol_disconnected(self, protocol: Any) -> None:
        self.sockets.discard(protocol)
        if protocol in self.connections:  # not there when a handshake was refused
            super().protocol_disconnected(protocol)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """As daphne does, but with our own receive queue for the application of a WebSocket."""
        if protocol not in self.sockets:
            return super().create_application(protocol, scope)
        scope.setdefault("asgi", {"version": "3.0"})
        queue: asyncio.Queue[Any] = asyncio.Queue()
        running = asyncio.ensure_future(self._run(protocol, scope, queue))
        running.add_done_callback(partial(_application_ended, protocol))
        self.connections[protocol]["application_instance"] = running
        return queue

    async def _run(self, protocol: WebSocketProtocol, scope: dict[str, Any], queue: "asyncio.Queue[Any]") -> None:
        """Run the application; ignore the error of a write to a closed connection."""
        receive, send = partial(_receive, protocol, queue), partial(self.handle_reply, protocol)
        try:
            await self.application(scope=scope, receive=receive, send=send)
        except ConnectionError:
            if protocol.state == protocol.STATE_OPEN:
                raise
            log.debug("An application wrote to a closed connection.")

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Waits while the peer is behind on reading; a WebSocket's close does not wait.

        Raises ConnectionError on a WebSocket that is being closed, as uvicorn does.
        """
        if isinstance(protocol, Request):
            await self._respond(protocol, message)
            return
        if message["type"] == "websocket.close" and protocol.state == protocol.STATE_OPEN:
            protocol.close(message.get("code") or 1000)
            return
        if message["type"] != "websocket.close":
            await protocol.writable.wait()
        if protocol.state not in (protocol.STATE_CONNECTING, protocol.STATE_OPEN):
            raise ConnectionError("The connection is closing or closed.")
        await super().handle_reply(protocol, message)

    async def _respond(self, request: Request, message: Any) -> None:
        """Send a piece at a time, so that a peer that does not read is noticed."""
        body = message.get("body", b"")
        sent = 0
        while len(body) - sent > PIECE_BYTES:
            await request.writable.wait()
            piece = body[sent : sent + PIECE_BYTES]
            await super().handle_reply(request, message | {"body": piece, "more_body": True})
            sent += PIECE_BYTES
        await request.writable.wait()
        await super().handle_reply(request, message | {"body": body[sent:]} if sent else message)
        await asyncio.sleep(0)  # do not wait for a peer that has disconnected

    def kill_all_applications(self) -> Any:
        """Shut down as daphne does; the reactor runs until the returned Deferred has fired."""
        end_soon()
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end_applications()))

    async def _end_applications(self) -> None:
        self.watching.cancel()
        self.port.stopListening()
        sockets = list(self.sockets)
        for protocol in sockets:
            protocol.close(RESTART_CODE)
            await asyncio.sleep(step_between(len(sockets)))
        applications = {details.get("application_instance") for details in self.connections.values()} - {None}
        closing = [protocol.ended.wait() for protocol in sockets]
        with suppress(TimeoutError):  # which cancels the applications
            await asyncio.wait_for(
                asyncio.gather(*applications, *closing, return_exceptions=True), SHUTDOWN_SECONDS - SPREAD_SECONDS
            )
        await asyncio.get_running_loop().shutdown_asyncgens()  # as asyncio.run does: see doqchat/loop_end.py


async def _receive(protocol: WebSocketProtocol, queue: "asyncio.Queue[Any]") -> Any:
    """The next event for the application; the protocol resumes reading when the queue is empty."""
    event = await queue.get()
    if queue.empty():
        protocol.taken()
    return event


def _application_ended(protocol: WebSocketProtocol, application: "asyncio.Future[None]") -> None:
    """As on uvicorn, a connection ends with its application; daphne itself logs the exception, if there is one."""
    failed = not application.cancelled() and application.exception()
    protocol.close(1011 if failed else 1000)


def serve(
    application: Any, listening: socket.socket, watch: Callable[[], Awaitable[None]], *, log_requests: bool
) -> None:
    """Serve the application until SIGTERM or SIGINT; `watch` runs meanwhile."""
    Server(application, listening, watch, _log_request if log_requests else None).run()


def _log_request(protocol: str, action: str, details: dict[str, Any]) -> None:
    """Log daphne's connection events as uvicorn does."""
    if protocol == "http" and action == "complete":
        access_log.info('%s - "%s %s" %s', details["client"], details["method"], details["path"], details["status"])
    elif protocol == "websocket":
        access_log.info('%s - "WebSocket %s" [%s]', details["client"], details["path"], action)
