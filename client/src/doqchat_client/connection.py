"""One WebSocket to a session."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from doqchat_client.errors import FINAL, from_wire
from doqchat_client.events import Event, Malformed

PROTOCOL = "doqchat.v1"
ABNORMAL = 1006
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 1.0
LARGEST_FRAME = 16 * 1024 * 1024
"""A welcome holds all that the replies under way have said."""

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class Cut(Exception):
    """The connection ended, or could not be opened; another may be tried.

    Attributes:
        close_code: the WebSocket close code, 1006 where there was none.
    """

    def __init__(self, reason: str, close_code: int = ABNORMAL) -> None:
        super().__init__(reason)
        self.close_code = close_code


@dataclass(frozen=True)
class Address:
    """Where a session is, and who goes there.

    Attributes:
        url: the server, such as `wss://chat.example.org`.
        sid: the session.
        role: who the connection speaks as; None leaves it to the server, or to the token.
        token: the credentials, base64url or a JWT; never part of a URL.

    Raises:
        ValueError: the URL or the token is none.
    """

    url: str
    sid: str
    role: str | None
    token: str | None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: the server's address, such as ws://localhost:3000; not {self.url!r}.")
        if self.token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]+", self.token):
            raise ValueError("token: letters, digits and . _ ~ - only, as in base64url without padding.")

    def uri(self, since: str | None) -> str:
        """The address of the socket, for a reader that has come to `since`."""
        query = {"sid": self.sid, "role": self.role, "since": since}
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.url.rstrip('/')}/v1/session/chat?{urlencode(given)}"

    def proxied(self) -> bool:
        """Whether to go by the environment's proxy (`https_proxy` and the like); none leads to this machine."""
        return urlsplit(self.url).hostname not in THIS_MACHINE

    def subprotocols(self) -> list[Subprotocol]:
        """What is offered: the protocol, and the credentials beside it."""
        offered = [PROTOCOL] if self.token is None else [PROTOCOL, f"bearer.{self.token}"]
        return [Subprotocol(name) for name in offered]


class Connection:
    """Frames to and events from an open socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_error: Event | None = None

    async def receive(self) -> Event:
        """The next event.

        Raises:
            Cut: the connection has ended.
            ServerError: it has ended with a code that says not to come back.
        """
        try:
            event = Event.read(await self._socket.recv(decode=True))
        except ConnectionClosed:
            raise self._end() from None
        except ValueError as error:  # a binary frame that is not UTF-8
            raise Malformed("The server sent a binary frame.") from error
        if event.event == "error":
            self._last_error = event
        return event

    async def send(self, text: str) -> None:
        """Write a frame. On a connection that has ended this does nothing: `receive` tells how it ended, after all
        that is left to read."""
        with suppress(ConnectionClosed):
            await self._socket.send(text)

    def _end(self) -> Exception:
        code = self._socket.close_code or ABNORMAL
        kind = FINAL.get(code)
        if kind is None:
            return Cut(f"the connection ended with code {code}", code)
        if self._last_error is not None:
            return from_wire(self._last_error.bd, code)
        return kind(f"The server closed the connection with code {code}.", close_code=code)


@asynccontextmanager
async def opened(address: Address, since: str | None) -> AsyncIterator[tuple[Connection, Event]]:
    """A connection and its welcome, and the connection's end at the end of the block.

    Raises:
        Cut: there is nobody who answers as the protocol says.
        ServerError: the server refuses, and will the next time.
    """
    socket = await _socket(address, since)
    try:
        connection = Connection(socket)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                first = await connection.receive()
                while first.event == "error":  # a refusal; the close code follows
                    first = await connection.receive()
        except TimeoutError:
            raise Cut("the server does not say welcome") from None
        if first.event != "session.welcome":
            raise Malformed(f"The server's first event is {first.event}, not session.welcome.")
        yield connection, first
    finally:
        await _hang_up(socket)


async def _socket(address: Address, since: str | None) -> ClientConnection:
    try:
        return await connect(
            address.uri(since),
            subprotocols=address.subprotocols(),
            compression=None,
            open_timeout=OPEN_SECONDS,
            max_size=LARGEST_FRAME,
            proxy=True if address.proxied() else None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Cut(f"no connection: {error or type(error).__name__}") from error


async def _hang_up(socket: ClientConnection) -> None:
    """Say goodbye; a peer that does not answer, or whom we did not read to the end, is left without waiting."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close()
    except TimeoutError:
        socket.transport.abort()
