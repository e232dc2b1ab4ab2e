"""The public URL of the site and the address of the client, independent of the server and the proxy in front of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from doqchat.limits.addresses import SCOPE_KEY, network

Scope = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_IPV4_MAPPED = "::ffff:"
"""The prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2)."""

_PEER = "doqchat.peer"
"""The key of the peer's address in a scope, until its X-Forwarded-For is read."""


class PublicAddress:
    """ASGI middleware that sets the scheme and the root path of the public URL, and the address that limits count.

    Requests of a trusted proxy itself, such as a program on this machine, have no such address.

    Args:
        application: the wrapped application.
        https: whether the site is reached by HTTPS. Otherwise the scheme is the server's or, from a trusted proxy,
            that of X-Forwarded-Proto.
        path: the path of the site, with a slash at both ends. A proxy may forward or strip it.
        proxies: the IP addresses and networks of trusted proxies; `*` for any.
    """

    def __init__(self, application: Application, *, https: bool, path: str, proxies: Sequence[str]) -> None:
        self._application = application
        self._https = https
        self._root = path.rstrip("/")
        self._forwarded = ProxyHeadersMiddleware(self._serve, list(proxies))

    def __call__(self, scope: Scope, receive: Any, send: Any) -> Awaitable[None]:
        """Serve one connection. It is no coroutine: each message would pass through it."""
        if scope["type"] not in ("http", "websocket"):
            return self._application(scope, receive, send)
        changed: Any = scope | {"root_path": self._root, "path": self._path(scope["path"])}
        if scope.get("client"):
            changed["client"] = (scope["client"][0].removeprefix(_IPV4_MAPPED), scope["client"][1])
            changed[_PEER] = changed["client"][0]
        return self._forwarded(changed, receive, send)

    def _serve(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        peer = scope.pop(_PEER, "")
        client = scope["client"][0] if scope.get("client") else ""
        is_proxy = client in (peer, "") and (not peer or peer in self._forwarded.trusted_hosts)
        scope[SCOPE_KEY] = None if is_proxy else network(client)
        if self._https:
            scope["scheme"] = "https" if scope["type"] == "http" else "wss"
        return self._application(scope, receive, send)

    def _path(self, path: str) -> str:
        """The public path; health checks call the server directly and omit the site's path."""
        if path == self._root:
            return f"{path}/"
        return path if path.startswith(f"{self._root}/") else self._root + path
