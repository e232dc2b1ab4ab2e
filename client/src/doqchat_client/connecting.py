"""`connect`: joins a session."""

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from types import TracebackType
from typing import Any

from doqchat_client.connection import Address
from doqchat_client.cursor import Cursor
from doqchat_client.reconnecting import StateHook
from doqchat_client.session import Session


class connect:  # noqa: N801 - as in websockets, it is used like a function
    """Join a session.

        async with connect("ws://localhost:3000", "room001", role="A") as session:
            await session.send("안녕하세요! 😊")
            async for event in session:
                print(event)

    `session = await connect(…)` joins as well, and leaves it to the caller to close the session.

    Args:
        url: the URL of the site, without the path of the socket.
        sid: the session.
        role: `A`, `B` or `user`; None lets the server or the token decide.
        token: a token, or an async callable that returns one and is called on every connect. Its exceptions cause a
            retry, except ChatError. The token is sent in the headers of the handshake.
        since: replay the events after this id, or `0` for all; None receives only new events.
        timeout: default timeout of calls in seconds; None waits forever.
        open_timeout: timeout of joining in seconds, including retries; None waits forever.
        max_pending: maximum number of unacknowledged messages.
        max_queue: maximum number of unread events. If the program does not read, the client stops reading from the
            socket; other clients are not affected.
        on_state: called with each new `State` and the exception that ended the last connection or the session, or
            None.

    Raises:
        ValueError: an argument is malformed.
        Unreachable: `open_timeout` has passed.
        ServerError: the server refuses the connection.
    """

    def __init__(
        self,
        url: str,
        sid: str,
        *,
        role: str | None = None,
        token: str | Callable[[], Awaitable[str]] | None = None,
        since: str | None = None,
        timeout: float | None = None,
        open_timeout: float | None = 10.0,
        max_pending: int = 1000,
        max_queue: int = 256,
        on_state: StateHook | None = None,
    ) -> None:
        Cursor(since)
        if min(max_pending, max_queue) < 1:
            raise ValueError("max_pending, max_queue: 1 or more.")
        self._open_timeout = open_timeout
        self._new = partial(
            Session,
            Address(url, sid, role, token),
            since,
            timeout=timeout,
            max_pending=max_pending,
            max_queue=max_queue,
            on_state=on_state,
        )

    def __await__(self) -> Generator[Any, None, Session]:
        return self._new().join(self._open_timeout).__await__()

    async def __aenter__(self) -> Session:
        self._session = await self
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
