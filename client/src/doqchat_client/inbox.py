"""Events that were received and not yet read. It outlives connections."""

import asyncio
from collections import deque

from doqchat_client.events import Event


class Inbox:
    """A bounded queue between the connection and the program.

    Args:
        size: how many events may wait.

    Attributes:
        room: set while there is room for another event.
        empty: set while nothing waits.
    """

    def __init__(self, size: int) -> None:
        self.room, self.empty, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._size = size
        self._events: deque[Event] = deque()
        self._end: BaseException | None = None
        self._mark()

    def put(self, event: Event) -> None:
        """Add an event; there must be room."""
        self._events.append(event)
        self._mark()

    async def take(self) -> Event:
        """The next event, once there is one; raises what the inbox was closed with when there will be none."""
        while not self._events:
            if self._end is not None:
                raise self._end
            await self._news.wait()
        event = self._events.popleft()
        self._mark()
        return event

    def close(self, end: BaseException) -> None:
        """What waits can still be taken; after it comes `end`."""
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
