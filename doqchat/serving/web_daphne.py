"""A web process on daphne."""

import asyncio
import socket
from contextlib import suppress
from functools import partial
from typing import Any

from autobahn.exception import Disconnected
from daphne.server import Server as DaphneServer  # before the rest of Twisted: it installs the reactor
from daphne.ws_protocol import WebSocketProtocol as DaphneProtocol
from twisted.internet import defer, reactor

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


class WebSocketProtocol(DaphneProtocol):
    """daphne's, which reads on only when the application has taken what came, and sends what is longer than a peer's
    messages may be.
    """

    maxMessagePayloadSize: int  # noqa: N815 - autobahn's

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803 - autobahn's names
        if self.state == self.STATE_OPEN:  # what comes after our close frame is for nobody
            super().onMessage(payload, isBinary)
            self.transport.pauseProducing()

    def sendMessage(self, payload: bytes, isBinary: bool = False, *options: Any) -> None:  # noqa: N802, N803 - the same
        received, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().sendMessage(payload, isBinary, *options)
        finally:
            self.maxMessagePayloadSize = received


class Flow:
    """Whether a connection's peer keeps up, as the transport tells those who produce for it (IPushProducer)."""

    def __init__(self, protocol: WebSocketProtocol) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.ended = asyncio.Event()
        protocol.transport.unregisterProducer()  # the HTTP channel, which has handed the connection over
        protocol.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.writable.set()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.writable.set()


class Server(DaphneServer):
    """daphne's, with back-pressure and a proper end.

    daphne buffers whatever is sent to a WebSocket peer that does not read: here `send` waits. It buffers whatever a
    peer sends, too: here no more is read while a frame waits for the application. Told to end it drops its sockets:
    here they get close code 1012, and applications have time to finish.
    """

    def __init__(self, application: Any, listening: socket.socket) -> None:
        super().__init__(
            application,
            endpoints=["taken over in listen()"],  # daphne's own endpoint for a socket knows IPv4 only
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            websocket_timeout=-1,
            websocket_max_message_size=FRAME_BYTES,
            websocket_max_frame_size=FRAME_BYTES,
            verbosity=0,
            server_name="",
        )
        self.endpoints.clear()
        self.listening = listening
        self.flows: dict[WebSocketProtocol, Flow] = {}

    def run(self) -> None:
        reactor.callWhenRunning(self.listen)
        super().run()

    def listen(self) -> None:
        # A peer that breaks the protocol is told so with a close code, and not just dropped.
        self.ws_factory.protocol = WebSocketProtocol
        self.ws_factory.setProtocolOptions(failByDrop=False, closeHandshakeTimeout=CLOSE_SECONDS)
        self.listening.setblocking(False)
        self.port = reactor.adoptStreamPort(self.listening.fileno(), self.listening.family, self.http_factory)
        self.listening.close()

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            self.flows[protocol] = Flow(protocol)

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        if flow := self.flows.pop(protocol, None):
            flow.writable.set()
            flow.ended.set()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """As daphne does, which lets nobody have a say in how a WebSocket's application receives."""
        if protocol not in self.flows:
            return super().create_application(protocol, scope)
        scope.setdefault("asgi", {"version": "3.0"})
        queue: asyncio.Queue[Any] = asyncio.Queue()
        receive, send = partial(_receive, protocol, queue), partial(self.handle_reply, protocol)
        running = asyncio.ensure_future(self.application(scope=scope, receive=receive, send=send))
        running.add_done_callback(partial(_application_ended, protocol))
        self.connections[protocol]["application_instance"] = running
        return queue

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Waits while a WebSocket peer is behind on reading; a close does not wait.

        Raises ConnectionError on a connection that is being closed, as uvicorn does.
        """
        if protocol in self.flows and message["type"] == "websocket.close":
            if protocol.state == protocol.STATE_OPEN:
                _close(protocol, message.get("code") or 1000)  # daphne's own way takes 1000 and 3000 to 4999 only
                return
        elif protocol in self.flows:
            await self.flows[protocol].writable.wait()
        try:
            await super().handle_reply(protocol, message)
        except Disconnected as error:
            raise ConnectionError("The connection is being closed.") from error

    def kill_all_applications(self) -> Any:
        """What daphne does at its end; the reactor goes on until the Deferred it returns has fired."""
        end_soon()
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end_applications()))

    async def _end_applications(self) -> None:
        self.port.stopListening()
        for protocol in list(self.flows):
            _close(protocol, RESTART_CODE)
            await asyncio.sleep(step_between(len(self.flows)))
        applications = {details.get("application_instance") for details in self.connections.values()} - {None}
        closing = [flow.ended.wait() for flow in self.flows.values()]
        with suppress(TimeoutError):  # which cancels the applications
            await asyncio.wait_for(
                asyncio.gather(*applications, *closing, return_exceptions=True), SHUTDOWN_SECONDS - SPREAD_SECONDS
            )


async def _receive(protocol: WebSocketProtocol, queue: "asyncio.Queue[Any]") -> Any:
    """The next event for the application; when it has taken all of them, more is read."""
    event = await queue.get()
    if queue.empty():
        protocol.transport.resumeProducing()
    return event


def _application_ended(protocol: WebSocketProtocol, application: "asyncio.Future[None]") -> None:
    """As on uvicorn, a connection ends with its application; daphne itself logs the exception, if there is one."""
    failed = not application.cancelled() and application.exception()
    _close(protocol, 1011 if failed else 1000)


def _close(protocol: WebSocketProtocol, code: int) -> None:
    """Send a close frame; a peer that does not answer it within CLOSE_SECONDS is cut off."""
    if protocol.state == protocol.STATE_OPEN:
        protocol.sendCloseFrame(code=code)  # sendClose refuses the codes that are a server's
        protocol.transport.resumeProducing()  # the answer comes after all that the peer has sent before


def serve(application: Any, listening: socket.socket) -> None:
    """Serve the application to those who connect, until SIGTERM or SIGINT."""
    Server(application, listening).run()
