"""One WebSocket to a session."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from doqchat_client.events import Event, Welcome, read
from doqchat_client.exceptions import FINAL, ChatError, Disconnected, ProtocolError, from_wire
from doqchat_client.waiting import TOO_MANY

PROTOCOL = "doqchat.v1"
BEARER = "bearer."
ABNORMAL = 1006
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 1.0
LARGEST_FRAME = 16 * 1024 * 1024
"""Maximum frame size: a welcome contains the text so far of all active replies."""

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

Token = str | Callable[[], Awaitable[str]] | None

_log = logging.getLogger("doqchat_client.websockets")
_log.addFilter(lambda record: not any(word in record.getMessage() for word in (BEARER, "auth.refresh")))
"""A separate logger: websockets logs handshake headers and frames, which contain tokens, at DEBUG."""


@dataclass(frozen=True)
class Address:
    """The address of a session, and the role and token of the client.

    Attributes:
        url: the server, such as `wss://chat.example.org`.
        sid: the session.
        role: the role of the connection; None lets the server or the token decide.
        token: a token, base64url or a JWT, or an async callable that returns one and is called on every connect.

    Raises:
        ValueError: the URL or the token is malformed.
    """

    url: str = field(repr=False)
    sid: str
    role: str | None
    token: Token = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("url: the server's address, such as ws://localhost:3000, without a query.")
        if isinstance(self.token, str):
            _check_token(self.token)

    def uri(self, since: str | None) -> str:
        """The URL of the socket, with a replay after `since`."""
        query = {"sid": self.sid, "role": self.role, "since": since}
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.url.rstrip('/')}/v1/session/chat?{urlencode(given)}"

    def passes_proxy(self) -> bool:
        """Whether to use the environment's proxy (such as `https_proxy`); never for this machine."""
        return urlsplit(self.url).hostname not in THIS_MACHINE

    async def current_token(self) -> str | None:
        """The token for a new connection.

        Raises:
            Disconnected: the callable failed; a retry may succeed.
            ChatError: raised by the callable, to stop.
            ValueError: the callable has returned an invalid token.
        """
        return await self.new_token() if callable(self.token) else self.token

    async def new_token(self) -> str | None:
        """As `current_token`, but None if the token is not a callable."""
        if not callable(self.token):
            return None
        try:
            token = await self.token()
        except ChatError:
            raise
        except Exception as error:
            raise Disconnected(f"no token: {type(error).__name__}") from error
        return _check_token(token)


def _check_token(token: str) -> str:
    if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9._~-]+", token):
        raise ValueError("token: letters, digits and . _ ~ - only, as in base64url without padding.")
    return token


class Connection:
    """Frames to and events from an open socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last_error: Event | None = None

    async def receive(self) -> Event:
        """The next event.

        Raises:
            Disconnected: the connection has ended.
            ServerError: it has ended with a close code that forbids a simple reconnect.
        """
        try:
            event = read(await self._socket.recv(decode=True))
        except ConnectionClosed:
            raise self._end() from None
        except UnicodeDecodeError as error:
            raise ProtocolError("The server sent a binary frame.") from error
        self._last_error = event if event.event == "error" else None
        return event

    async def send(self, text: str) -> None:
        """Write a frame. Does nothing on a closed connection: `receive` raises its end after the remaining frames."""
        with suppress(ConnectionClosed):
            await self._socket.send(text)

    def _end(self) -> Exception:
        code = self._socket.close_code or ABNORMAL
        error = None if self._last_error is None else from_wire(self._last_error.bd, code)
        if code in FINAL:
            return error or FINAL[code](f"The server closed the connection with code {code}.", close_code=code)
        retry_after = error.retry_after if error is not None and code == TOO_MANY else None
        return Disconnected(f"the connection ended with code {code}", code, retry_after)


@asynccontextmanager
async def opened(address: Address, since: str | None) -> AsyncIterator[tuple[Connection, Welcome]]:
    """A connection and its welcome; the connection is closed at the end of the block.

    Raises:
        Disconnected: the server is unreachable or does not follow the protocol.
        ServerError: the server refuses permanently.
        ChatError, ValueError: raised because of the token's callable.
    """
    socket = await _socket(address, since, await address.current_token())
    try:
        connection = Connection(socket)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                first = await connection.receive()
                while first.event == "error":  # a refusal; the close code follows
                    first = await connection.receive()
        except TimeoutError:
            raise Disconnected("no welcome from the server") from None
        if not isinstance(first, Welcome):
            raise ProtocolError(f"The server's first event is {first.event}, not a valid session.welcome.")
        yield connection, first
    finally:
        await _hang_up(socket)


class _Connect(connect):
    """Does not follow redirects: the token must not reach another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _socket(address: Address, since: str | None, token: str | None) -> ClientConnection:
    offered = [PROTOCOL] if token is None else [PROTOCOL, BEARER + token]
    try:
        return await _Connect(
            address.uri(since),
            subprotocols=[Subprotocol(name) for name in offered],
            compression=None,
            open_timeout=OPEN_SECONDS,
            max_size=LARGEST_FRAME,
            proxy=True if address.passes_proxy() else None,
            logger=_log,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
    # Outside the handler, so that no traceback contains the error, in which a server may echo the token.
    raise Disconnected(f"no connection: {reason if token is None else reason.replace(token, '…')}")


async def _hang_up(socket: ClientConnection) -> None:
    """Close the connection, without waiting for a peer that does not respond or has unread frames."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close()
    except TimeoutError:
        socket.transport.abort()
