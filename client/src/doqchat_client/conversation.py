"""What is said over one connection: events in, parcels out."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from doqchat_client.backoff import Backoff
from doqchat_client.connection import Connection, Cut
from doqchat_client.errors import from_wire
from doqchat_client.events import Event, Gap, frame, new_msg_id
from doqchat_client.inbox import Inbox
from doqchat_client.order import Position, Step
from doqchat_client.outbox import Outbox
from doqchat_client.typing_state import TypingState

ANSWER_SECONDS = 15.0
LONGEST_RETRY = 2.0
PATIENCE_SECONDS = 0.5
"""How long a full inbox may hold up an answer to what was sent."""


class Conversation:
    """Follows the session over one connection and sends what waits.

    A full inbox stops the reading, and so, by TCP's flow control, the server. But answers to what was sent come by
    the same way: while something waits for one, the reading goes on and events are dropped. Their place is kept, and
    once the inbox is empty `hold` returns, so that another connection may begin there.

    Args:
        connection: an open one.
        position, inbox, outbox, typing: what outlives it.
        dropping: begin by dropping events.
    """

    def __init__(
        self,
        connection: Connection,
        position: Position,
        inbox: Inbox,
        outbox: Outbox,
        typing: TypingState,
        dropping: bool,
    ) -> None:
        self._connection = connection
        self._position = position
        self._inbox = inbox
        self._outbox = outbox
        self._typing = typing
        self._dropping = asyncio.Event()
        if dropping:
            self._dropping.set()
        self._sync: str | None = None

    async def hold(self, welcome: Event) -> None:
        """Talk until events were dropped and there is room for them.

        Raises:
            Cut, Malformed: the connection is of no use any more.
            ServerError: and no other will be.
        """
        await first_of(self._read(welcome), self._write(), self._tell_typing(), self._dropped_and_read())

    async def _read(self, welcome: Event) -> None:
        await self._take(welcome)
        while True:
            await self._take(await self._connection.receive())

    async def _take(self, event: Event) -> None:
        if event.event in ("chat.ack", "pong"):
            self._outbox.answered(event.bd.get("msg_id"), event.bd)
        elif event.event == "error":
            await self._hear(event)
        elif event.event == "session.welcome":
            await self._greet(event)
        elif event.durable:
            await self._follow(event)
        else:
            await self._deliver(event)

    async def _greet(self, welcome: Event) -> None:
        """Take a welcome: the first frame, or the beginning of the answer to a `session.sync`."""
        self._sync = None
        gap = Gap.told_by(welcome)
        if gap is not None:
            await self._deliver(gap)
        if not self._dropping.is_set():
            stepped_back = self._position.welcome(welcome.bd["last_id"], gap is not None)
            await self._deliver(welcome)
            if stepped_back:
                await self._ask_for_the_rest()

    async def _follow(self, event: Event) -> None:
        step = self._position.judge(event)
        if step is Step.NEXT and await self._deliver(event):
            self._position.advance(event)
        elif step is Step.TOO_EARLY and self._sync is None and not self._dropping.is_set():
            await self._ask_for_the_rest()

    async def _ask_for_the_rest(self) -> None:
        """Have the server say again what comes after the reader's last event."""
        self._sync = new_msg_id()
        await self._connection.send(frame("session.sync", {"since": self._position.last}, self._sync))

    async def _deliver(self, event: Event) -> bool:
        """Put the event into the inbox, once there is room; False when it was dropped."""
        while not self._inbox.room.is_set() and not self._dropping.is_set():
            if self._outbox.filled.is_set():
                await self._wait_for_room_or_drop()
            else:
                await first_of(self._inbox.room.wait(), self._outbox.filled.wait())
        if self._dropping.is_set():
            return False
        self._inbox.put(event)
        return True

    async def _wait_for_room_or_drop(self) -> None:
        """A program that waits for its message to be sent will make no room meanwhile."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._inbox.room.wait()
        except TimeoutError:
            self._dropping.set()

    async def _hear(self, event: Event) -> None:
        """An error answers what was sent; one about a `session.sync` leaves a hole that only a new start can fill."""
        problem = from_wire(event.bd)
        if self._sync is not None and problem.msg_id in (None, self._sync):
            raise Cut(f"session.sync was refused: {problem.message}")
        if not self._outbox.refused(problem):
            await self._deliver(event)

    async def _write(self) -> None:
        pause = Backoff(LONGEST_RETRY)
        while True:
            parcel = await self._outbox.first()
            parcel.about_to_be_written()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    for text in parcel.frames:
                        await self._connection.send(text)
                    again = await parcel.heard()
            except TimeoutError:
                raise Cut(f"no answer within {ANSWER_SECONDS:g} s") from None
            if again:
                await asyncio.sleep(pause.next())
            else:
                pause.reset()

    async def _tell_typing(self) -> None:
        while True:
            active = await self._typing.changed()
            await self._connection.send(frame("chat.typing", {"active": active}, new_msg_id()))

    async def _dropped_and_read(self) -> None:
        await self._dropping.wait()
        await self._inbox.empty.wait()


async def first_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Do all of it at once until the first is done, and stop the rest; raises what that one raises."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
