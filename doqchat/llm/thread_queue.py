"""A bounded queue from the thread that reads a provider's events to the event loop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from threading import Semaphore
from typing import TYPE_CHECKING

from doqchat.llm.server_sent_events import ServerSentEvent

if TYPE_CHECKING:
    from doqchat.llm.interruption import Interruption

MOST_WAITING = 16
"""Maximum number of queued events; the thread pauses reading at this number."""

LOOK_SECONDS = 1
"""How often a waiting thread checks whether the event loop still runs."""


class ThreadQueue:
    """A queue from one thread to the running event loop.

    Args:
        interruption: ends reading in the thread after `close`.
    """

    def __init__(self, interruption: "Interruption") -> None:
        self._interruption = interruption
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._room = Semaphore(MOST_WAITING)

    def put(self, data: str) -> None:
        """In the thread: put an event, waiting for room. Raises ConnectionAbortedError if the reader has stopped."""
        while not self._room.acquire(timeout=LOOK_SECONDS):
            if self._loop.is_closed():
                raise ConnectionAbortedError("The event loop was closed.")
        self._interruption.check()
        self._send(data)

    def end(self, error: Exception | None = None) -> None:
        """In the thread: end the events, optionally with an error."""
        self._send(error)

    async def events(self) -> AsyncGenerator[ServerSentEvent, None]:
        """The events in order; raises the error that ended them, if any."""
        while (item := await self._arrived.get()) is not None:
            if isinstance(item, Exception):
                raise item
            self._room.release()
            yield ServerSentEvent(item)

    def close(self) -> None:
        """Interrupt the thread's reading."""
        self._interruption.interrupt()
        self._room.release()

    def _send(self, item: str | Exception | None) -> None:
        with suppress(RuntimeError):  # the event loop was closed: its tasks have ended
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
