"""The address under which people reach the site, whatever the server and the proxy in front of it make of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

Scope = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_IPV4_MAPPED = "::ffff:"
"""What precedes the address of an IPv4 peer on a socket that takes both (RFC 4291, 2.5.5.2)."""


class PublicAddress:
    """ASGI middleware that gives connections the scheme and the path of the site's address.

    Args:
        application: what is served.
        https: whether people reach the site by HTTPS. Otherwise the scheme is the server's or, from a trusted proxy,
            that of X-Forwarded-Proto.
        path: where the site begins, with a slash at both ends. A proxy may pass it on or strip it.
        proxies: the IP addresses and networks of trusted proxies; `*` for any.
    """

    def __init__(self, application: Application, *, https: bool, path: str, proxies: Sequence[str]) -> None:
        self._application = application
        self._https = https
        self._root = path.rstrip("/")
        self._forwarded = ProxyHeadersMiddleware(self._serve, list(proxies))

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        changed: Any = scope | {"root_path": self._root, "path": self._path(scope["path"])}
        if scope.get("client"):
            changed["client"] = (scope["client"][0].removeprefix(_IPV4_MAPPED), scope["client"][1])
        await self._forwarded(changed, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if self._https:
            scope["scheme"] = "https" if scope["type"] == "http" else "wss"
        await self._application(scope, receive, send)

    def _path(self, path: str) -> str:
        """The path as people ask for it; health checks come to the server itself and leave the site's path out."""
        if path == self._root:
            return f"{path}/"
        return path if path.startswith(f"{self._root}/") else self._root + path
