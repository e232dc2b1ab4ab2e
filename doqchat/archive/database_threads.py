"""Threads that use the database, so that it never blocks an event loop."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, local
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from doqchat.errors import Unavailable

log = logging.getLogger(__name__)

UNUSABLE = "The database cannot be used; see the server's log."

IDLE_SECONDS = 1.0
"""How long connections stay open without use: a database that shuts down waits for them."""

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """Runs functions in threads, each with a connection of its own.

    SQLite overwrites in its file what they delete. https://www.sqlite.org/pragma.html#pragma_secure_delete

    Args:
        threads: maximum number of threads.
        durable: whether a transaction must be on disk when it ends, also with SQLite, which otherwise can lose the last
            ones when the power fails. https://www.sqlite.org/pragma.html#pragma_synchronous
    """

    def __init__(self, threads: int, *, durable: bool = False) -> None:
        self._durable = durable
        self._connections: list[tuple[BaseDatabaseWrapper, Lock]] = []
        self._own = local()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="archive", initializer=self._begin)
        self._running = 0
        self._closing: asyncio.TimerHandle | None = None
        self._usable = True

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function; raises Unavailable if the database cannot be used."""
        loop = asyncio.get_running_loop()
        if self._closing is not None:
            self._closing.cancel()
        self._running += 1
        try:
            return await loop.run_in_executor(self._executor, lambda: self._call(function, *args, **kwargs))
        finally:
            self._running -= 1
            if not self._running:
                self._closing = loop.call_later(IDLE_SECONDS, self._executor.submit, self._close_connections)

    async def close(self) -> None:
        """Wait for running functions, and close the connections."""
        if self._closing is not None:
            self._closing.cancel()
        if self._connections:
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._close_connections()

    def _close_connections(self) -> None:
        for connection, lock in self._connections:
            with lock:
                connection.close()

    def _begin(self) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        connection.inc_thread_sharing()  # another thread closes it
        self._own.lock = Lock()
        self._connections.append((connection, self._own.lock))

    def _prepare(self, connection: BaseDatabaseWrapper) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA secure_delete=ON")
                if self._durable:
                    cursor.execute("PRAGMA synchronous=FULL")

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = connections[DEFAULT_DB_ALIAS]
        with self._own.lock:
            try:
                if connection.connection is None:
                    connection.ensure_connection()
                    self._prepare(connection)
                result = function(*args, **kwargs)
            except (DatabaseError, InterfaceError) as error:
                connection.close()
                if self._usable:
                    log.warning("The archive in the database cannot be used: %s", error)
                self._usable = False
                raise Unavailable(UNUSABLE) from error
        if not self._usable:
            log.warning("The archive in the database can be used again.")
        self._usable = True
        return result
