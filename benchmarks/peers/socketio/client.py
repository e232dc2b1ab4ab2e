"""A client that speaks Socket.IO over Engine.IO 4, on a WebSocket from the start."""

import asyncio
from collections.abc import Callable

import picows

from benchmarks.clients import CONNECT_TIMEOUT, Client

OPEN, PING, PONG, CLOSE = b"0", b"2", b"3", b"1"
CONNECT, DISCONNECT, EVENT, CONNECT_ERROR = b"40", b"41", b"42", b"44"
MESSAGE = b'["chat.message",'


class SocketIOClient(Client):
    """Sends and receives the same texts as other clients, as the argument of an event.

    The packets are those of the Engine.IO protocol, revision 4, and the Socket.IO protocol, revision 5.
    """

    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, session: int, on_text: Callable[[Client, bytes], None]) -> None:
        super().__init__(session, on_text)
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, url: str) -> None:
        """Connect to the default namespace, after which the client is in its room.

        Raises:
            OSError: the server refused, closed the connection, or did not answer within CONNECT_TIMEOUT.
        """
        await super().open(url)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await self._connected

    def send(self, text: bytes) -> None:
        super().send(EVENT + MESSAGE + text + b"]")

    def take(self, text: bytes) -> None:
        if text.startswith(EVENT):
            self.on_text(self, text)
        elif text.startswith(PING):
            super().send(PONG + text[1:])
        elif text.startswith(OPEN):
            super().send(CONNECT + b'{"session":"bench-%d"}' % self.session)
        elif text.startswith(CONNECT_ERROR):
            self._fail(f"the server refused to connect: {text.decode()}")
        elif text.startswith(CONNECT):
            self._connected.set_result(None)
        elif text.startswith((DISCONNECT, CLOSE)):
            self._fail("the server disconnected a client")

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        super().on_ws_disconnected(transport)
        self._fail(self.closed or "")

    def _fail(self, reason: str) -> None:
        self.closed = self.closed or reason
        if not self._connected.done():
            self._connected.set_exception(ConnectionError(self.closed))
