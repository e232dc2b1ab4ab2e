"""What is done with events that the program does not read."""

import asyncio

from doqchat_client.events import Event
from doqchat_client.first_of import first_of
from doqchat_client.inbox import Inbox
from doqchat_client.outbox import Outbox

PATIENCE_SECONDS = 0.5
"""How long a full inbox may hold up an answer to what was sent."""


class Delivery:
    """Puts one connection's events into the inbox.

    A full inbox stops the reading, and so, by TCP's flow control, the server. But answers to what was sent come by
    the same way: while something waits for one, the reading goes on, and from then on all events are dropped.

    Args:
        inbox: where to.
        outbox: what waits for an answer.
        dropping: begin by dropping events.
    """

    def __init__(self, inbox: Inbox, outbox: Outbox, *, dropping: bool) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._dropping = asyncio.Event()
        if dropping:
            self._dropping.set()

    @property
    def dropping(self) -> bool:
        """Whether events are dropped."""
        return self._dropping.is_set()

    async def put(self, event: Event) -> bool:
        """Put the event into the inbox, once there is room; False when it was dropped."""
        while not self._inbox.room.is_set() and not self.dropping:
            if self._outbox.filled.is_set():
                await self._wait_for_room_or_drop()
            else:
                await first_of(self._inbox.room.wait(), self._outbox.filled.wait())
        if self.dropping:
            return False
        self._inbox.put(event)
        return True

    async def dropped_and_read(self) -> None:
        """Returns once events were dropped and the inbox is empty."""
        await self._dropping.wait()
        await self._inbox.empty.wait()

    async def _wait_for_room_or_drop(self) -> None:
        """A program that waits for its message to be sent will make no room meanwhile."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._inbox.room.wait()
        except TimeoutError:
            self._dropping.set()
