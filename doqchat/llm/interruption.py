"""Lets another thread end an HTTP call that `requests` makes, at whatever point it waits.

Closing a response from another thread does not do that: the close waits for the very read that it should end. Shutting
down the socket does, and works before there is a response too.
"""

import socket
from contextlib import suppress
from threading import Lock, local
from types import TracebackType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

CONNECT_SECONDS = 5
"""How long a connection may take: it cannot be interrupted before there is one."""

_thread = local()


class Interruption:
    """Covers the calls that a thread makes in a `with` block, by sessions that went through `make_interruptible`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._interrupted = False

    def interrupt(self) -> None:
        """Breaks the connection of the call under way, if there is one, and of those that follow. From any thread."""
        with self._lock, suppress(OSError):
            self._interrupted = True
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)

    def watch(self, waiting: socket.socket) -> None:
        """Notes the socket that the thread is about to wait for. Raises ConnectionAbortedError when it is too late."""
        with self._lock:
            if self._interrupted:
                raise ConnectionAbortedError("The call was interrupted.")
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


def _watch(connection: HTTPConnection) -> None:
    interruption: Interruption | None = getattr(_thread, "interruption", None)
    if interruption and connection.sock:
        interruption.watch(connection.sock)


class _HTTPConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        _watch(self)
        return super().getresponse()


class _HTTPSConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        _watch(self)
        return super().getresponse()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def send(self, request: Any, stream: bool = False, timeout: Any = None, *args: Any, **options: Any) -> Any:
        return super().send(request, stream, (CONNECT_SECONDS, timeout), *args, **options)
