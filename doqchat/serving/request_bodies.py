"""Size and time limits of HTTP request bodies, on any ASGI server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from doqchat.errors import TooLarge
from doqchat.serving.connection_limits import BODY_SECONDS, LATE, body_bytes

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class BoundedBodies:
    """ASGI middleware that calls the application once the whole request body has arrived.

    A body larger than `body_bytes` gets 413, immediately if Content-Length announces it; a body that is not complete
    within BODY_SECONDS gets 408. Both close the connection.

    Args:
        application: the application for HTTP.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            await self._application(scope, receive, send)
            return
        try:
            body = await _read(receive, length, body_bytes(scope["path"]))
        except TooLarge as problem:
            await _refuse(send, 413, problem.code, problem.message)
        except TimeoutError:
            await _refuse(send, 408, LATE, f"The body of a request must be complete within {BODY_SECONDS} s.")
        else:
            if body is not None:
                await self._application(scope, _replay(body, receive), send)


async def _read(receive: Receive, length: bytes, limit: int) -> bytes | None:
    """The body, or None if the client has disconnected.

    Raises:
        TooLarge: it is larger than `limit` bytes, or `length` announces more.
        TimeoutError: it is not complete in time.
    """
    if not length.isdigit() or len(length) > 18 or int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    more = True
    async with asyncio.timeout(BODY_SECONDS):
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body of this request is limited to {limit:,} bytes.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns the whole body first."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
