"""Lets another thread end an HTTP call that `requests` makes, at whatever point it waits.

Closing a response from another thread does not do that: the close waits for the very read that it should end. Shutting
down the socket does, and works before there is a response too. What comes all the same is read no further.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock, local
from types import TracebackType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.response import HTTPResponse

CONNECT_SECONDS = 5
"""How long a connection may take: it cannot be interrupted before there is one."""

LONGEST_PART = 64 * 1024
"""Bytes of a body that are read at a time."""

_thread = local()


class Interruption:
    """Covers the calls that a thread makes in a `with` block, by sessions that went through `make_interruptible`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """Breaks the connection of the current call, if any, and of later ones. Thread-safe."""
        with self._lock, suppress(OSError):
            self._interrupted = True
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        """Raises ConnectionAbortedError if the call was interrupted, because a sending peer is still read."""
        if self._interrupted:
            raise ConnectionAbortedError("The call was interrupted.")

    def watch(self, waiting: socket.socket) -> None:
        """Notes the socket that the thread is about to wait for. Raises ConnectionAbortedError when it is too late."""
        with self._lock:
            self.check()
            self._socket = waiting

    def __enter__(self) -> "Interruption":
        _thread.interruption = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _thread.interruption = None
        with self._lock:
            self._socket = None


def make_interruptible(session: requests.Session, connections: int) -> None:
    """Has the session keep up to that many connections whose waiting an Interruption can end."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=connections))


class _Watched:
    """What is added to a class of connections."""

    sock: socket.socket | None

    def getresponse(self) -> HTTPResponse:
        interruption: Interruption | None = getattr(_thread, "interruption", None)
        if interruption and self.sock:
            interruption.watch(self.sock)
        response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # that of the connection
        return response


def _watch(manager: PoolManager) -> None:
    """Has the manager's pools make watched connections, of whichever kind theirs are."""
    pools: dict[str, Any] = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {
        scheme: type("Pool", (pool,), {"ConnectionCls": type("Connection", (_Watched, pool.ConnectionCls), {})})
        for scheme, pool in pools.items()
    }


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:
        is_new = proxy not in self.proxy_manager
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if is_new:
            _watch(manager)
        return manager

    def send(self, request: Any, stream: bool = False, timeout: Any = None, *args: Any, **options: Any) -> Any:
        return super().send(request, stream, (CONNECT_SECONDS, timeout), *args, **options)


def read(response: requests.Response) -> Iterator[bytes]:
    """The parts of a body as they arrive, to where the call that reads it is interrupted.

    Raises urllib3's HTTPError when the connection breaks before the end, ConnectionAbortedError when it is interrupted.
    """
    interruption: Interruption | None = getattr(_thread, "interruption", None)
    while True:
        part: bytes = response.raw.read1(LONGEST_PART)
        if interruption:
            interruption.check()
        if not part:
            return
        yield part
