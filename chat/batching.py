"""What happens often is written to the database in batches, in the background, so that connecting requires no query."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import connection

from doqchat.loop_end import at_loop_end

BATCH_SECONDS = 1.0
"""How long a batch is collected. It is lost if the process dies."""


class Batches(ABC):
    """Collects for BATCH_SECONDS, and then writes in a thread of its own; for one event loop."""

    def __init__(self) -> None:
        self._writing: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=type(self).__name__)

    @property
    @abstractmethod
    def is_empty(self) -> bool:
        """Whether nothing is collected."""

    @abstractmethod
    async def store(self) -> None:
        """Take what is collected, and write it with `in_thread`."""

    @abstractmethod
    def write(self, *args: Any, **kwargs: Any) -> None:
        """Write to the database."""

    def write_later(self) -> None:
        """Write at the end of the batch; something was added to it."""
        if self._writing is None:
            # In an empty context: it outlives the request that starts it.
            self._writing = asyncio.create_task(self._write_later(), context=Context())

    async def in_thread(self, *args: Any, **kwargs: Any) -> None:
        """Call `write` in the thread; raises DatabaseError."""
        await sync_to_async(self._write, thread_sensitive=False, executor=self._executor)(*args, **kwargs)

    async def close(self) -> None:
        """Write what is collected."""
        if self._writing is not None:
            self._writing.cancel()
        if not self.is_empty:
            await self.store()
        self._executor.shutdown(wait=False)
        _running.pop((asyncio.get_running_loop(), type(self)), None)

    async def _write_later(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        try:
            await self.store()
        finally:
            self._writing = None

    def _write(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.write(*args, **kwargs)
        finally:
            connection.close()  # otherwise a database that shuts down would wait for this thread


B = TypeVar("B", bound=Batches)

_running: dict[tuple[asyncio.AbstractEventLoop, type[Batches]], tuple[Batches, AsyncGenerator[None, None]]] = {}


def of_running_loop(kind: type[B]) -> B:
    """The batches of this kind of the running event loop, which are closed with it."""
    key = asyncio.get_running_loop(), kind
    if key not in _running:
        current = kind()
        _running[key] = current, at_loop_end(current.close)
    return cast(B, _running[key][0])
