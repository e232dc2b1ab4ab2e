"""The queue of received events that the program has not read."""

import asyncio
from collections import deque

from doqchat_client.events import Event


class EventQueue:
    """A bounded queue between the connection and the program; it outlives connections.

    Args:
        size: the maximum number of events.

    Attributes:
        room: set while the queue is not full.
        empty: set while the queue is empty.
    """

    def __init__(self, size: int) -> None:
        self.room, self.empty, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._size = size
        self._events: deque[Event] = deque()
        self._end: Exception | None = None
        self._mark()

    def put(self, event: Event) -> None:
        """Add an event; there must be room."""
        self._events.append(event)
        self._mark()

    async def get(self) -> Event:
        """Wait for the next event; raises the exception with which the queue was closed after the last one."""
        while not self._events:
            if self._end is not None:
                raise self._end
            await self._news.wait()
        event = self._events.popleft()
        self._mark()
        return event

    def close(self, end: Exception) -> None:
        """Close the queue: remaining events can still be read, then `end` is raised."""
        self._end = self._end or end
        self._mark()

    def _mark(self) -> None:
        for mark, holds in (
            (self.room, len(self._events) < self._size),
            (self.empty, not self._events),
            (self._news, bool(self._events) or self._end is not None),
        ):
            if holds:
                mark.set()
            else:
                mark.clear()
