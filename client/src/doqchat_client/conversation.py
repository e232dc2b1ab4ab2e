"""What is said over one connection: events in, parcels out."""

import asyncio

from doqchat_client.backoff import Backoff
from doqchat_client.connection import Connection, Cut
from doqchat_client.delivery import Delivery
from doqchat_client.errors import from_wire
from doqchat_client.events import Event, Gap, frame, new_msg_id
from doqchat_client.first_of import first_of
from doqchat_client.inbox import Inbox
from doqchat_client.order import Position, Step
from doqchat_client.outbox import Outbox
from doqchat_client.parcel import Parcel
from doqchat_client.replies import Replies
from doqchat_client.typing_state import TypingState

ANSWER_SECONDS = 15.0
LONGEST_RETRY = 2.0


class Conversation:
    """Follows the session over one connection and sends what waits.

    Where the program does not read, events may be dropped. Their place is kept, and once the program has read the
    others `hold` returns, so that another connection may begin there.

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
        self._outbox = outbox
        self._typing = typing
        self._delivery = Delivery(inbox, outbox, dropping=dropping)
        self._replies = Replies()
        self._sync: str | None = None

    async def hold(self, welcome: Event) -> None:
        """Talk until events were dropped and there is room for them.

        Raises:
            Cut, Malformed: the connection is of no use any more.
            ServerError: and no other will be.
        """
        await first_of(self._read(welcome), self._write(), self._tell_typing(), self._delivery.dropped_and_read())

    async def _read(self, welcome: Event) -> None:
        await self._take(welcome)
        while True:
            await self._take(await self._connection.receive())

    async def _take(self, event: Event) -> None:
        reply = self._replies.take(event)
        if reply is not None and reply.torn:
            await self._ask_for_the_rest()
        if event.event == "chat.ack":
            self._outbox.acknowledged(event.bd.get("msg_id"), event.bd)
        elif event.event == "pong":
            self._outbox.passed(event.bd.get("msg_id"))
        elif event.event == "error":
            await self._hear(event)
        elif event.event == "session.welcome":
            await self._greet(event)
        elif event.durable:
            await self._follow(event)
        else:
            await self._delivery.put(event)

    async def _greet(self, welcome: Event) -> None:
        """Take a welcome: the first frame, or the beginning of the answer to a `session.sync`."""
        self._sync = None
        gap = Gap.told_by(welcome)
        if gap is not None:
            await self._delivery.put(gap)
        if not self._delivery.dropping:
            stepped_back = self._position.welcome(welcome.bd["last_id"], gap is not None)
            await self._delivery.put(welcome)
            if stepped_back:
                await self._ask_for_the_rest()

    async def _follow(self, event: Event) -> None:
        step = self._position.judge(event)
        if step is Step.NEXT and await self._delivery.put(event):
            self._position.advance(event)
        elif step is Step.TOO_EARLY:
            await self._ask_for_the_rest()

    async def _ask_for_the_rest(self) -> None:
        """Have the server say again what comes after the reader's last event, and what the replies under way have said
        so far; what was asked for already is on its way."""
        if self._sync is None and not self._delivery.dropping:
            self._sync = new_msg_id()
            await self._connection.send(frame("session.sync", {"since": self._position.last}, self._sync))

    async def _hear(self, event: Event) -> None:
        """An error answers what was sent; one about a `session.sync` leaves a hole that only a new start can fill."""
        problem = from_wire(event.bd)
        if self._sync is not None and problem.msg_id in (None, self._sync):
            raise Cut(f"session.sync was refused: {problem.message}")
        if not self._outbox.refused(problem):
            await self._delivery.put(event)

    async def _write(self) -> None:
        pause = Backoff(LONGEST_RETRY)
        while True:
            parcel = await self._outbox.first()
            with self._outbox.trying(parcel):
                again = await self._answer(parcel)
            if again:
                await asyncio.sleep(pause.next())
            else:
                pause.reset()

    async def _answer(self, parcel: Parcel) -> bool:
        """Write a parcel and wait for its answer; whether it should be tried again."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for text in parcel.frames:
                    await self._connection.send(text)
                return await parcel.ended()
        except TimeoutError:
            raise Cut(f"no answer within {ANSWER_SECONDS:g} s") from None

    async def _tell_typing(self) -> None:
        while True:
            active = await self._typing.changed()
            await self._connection.send(frame("chat.typing", {"active": active}, new_msg_id()))
