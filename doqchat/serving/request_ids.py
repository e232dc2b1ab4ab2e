"""Gives each HTTP request and each socket an id, or takes the one of a trusted proxy."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from doqchat.request_ids import is_request_id, new_request_id, request_id

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

HEADER = b"x-request-id"

_IPV4_MAPPED = "::ffff:"
"""The prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2)."""


class RequestIds:
    """ASGI middleware that sets `request_id` while a connection is handled, and the header X-Request-ID of responses.

    A valid X-Request-ID of a trusted proxy is kept. Wrap it around all middleware that changes the client's address.

    Args:
        application: the wrapped application.
        proxies: the IP addresses and networks of trusted proxies; `*` for any.
    """

    def __init__(self, application: Application, *, proxies: Sequence[str]) -> None:
        self._application = application
        self._proxies = ProxyHeadersMiddleware(cast(Any, None), list(proxies)).trusted_hosts

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        current = self._given(scope) or new_request_id()
        token = request_id.set(current)
        try:
            await self._application(scope, receive, _tagging(send, current) if scope["type"] == "http" else send)
        finally:
            request_id.reset(token)

    def _given(self, scope: Scope) -> str:
        """The valid id of a trusted proxy; empty if there is none. A Unix socket's peer is a proxy."""
        client = scope["client"][0].removeprefix(_IPV4_MAPPED) if scope.get("client") else ""
        if client and client not in self._proxies:
            return ""
        ids = [value.decode("latin-1") for name, value in scope["headers"] if name == HEADER]
        return ids[0] if len(ids) == 1 and is_request_id(ids[0]) else ""


def _tagging(send: Send, current: str) -> Send:
    """A `send` that adds the header to the response."""

    async def tagged(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (HEADER, current.encode())]}
        await send(message)

    return tagged
