"""Threads that use the database, so that it never blocks an event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from doqchat.errors import Unavailable

UNREACHABLE = "The database is unreachable."

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """Runs functions in threads, each with a connection of its own that stays open.

    SQLite overwrites in its file what they delete. https://www.sqlite.org/pragma.html#pragma_secure_delete

    Args:
        threads: maximum number of threads.
        durable: whether a transaction must be on disk when it ends, also with SQLite, which otherwise can lose the last
            ones when the power fails. https://www.sqlite.org/pragma.html#pragma_synchronous
    """

    def __init__(self, threads: int, *, durable: bool = False) -> None:
        self._durable = durable
        self._connections: list[BaseDatabaseWrapper] = []
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="archive", initializer=self._begin)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function; raises Unavailable if the database cannot be used."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: self._call(function, *args, **kwargs))

    async def close(self) -> None:
        """Wait for running functions, and close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.close()

    def _begin(self) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        connection.inc_thread_sharing()  # another thread closes it
        self._connections.append(connection)

    def _prepare(self, connection: BaseDatabaseWrapper) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA secure_delete=ON")
                if self._durable:
                    cursor.execute("PRAGMA synchronous=FULL")

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = connections[DEFAULT_DB_ALIAS]
        try:
            if connection.connection is None:
                connection.ensure_connection()
                self._prepare(connection)
            return function(*args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            raise Unavailable(UNREACHABLE) from error
