"""One session as a process sees it: its members here, and the last event that they have."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from doqchat.errors import DoqchatError
from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import Presence
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store.faults import insist
from doqchat.store.presence import counts
from doqchat.store.stream import Entry, SessionStream

log = logging.getLogger(__name__)

PAGE = 100
FRAMES_A_TURN = 10
"""How many frames of a replay are written before everything else has its turn."""

PRESENCE_SECONDS = 0.05
"""How long presence changes are gathered before members hear of them."""
ARRIVAL_SECONDS = 1.0
"""How long one who arrives waits for the word on the session's channel: it is lost when the connection breaks then."""

_Snapshot = TypeVar("_Snapshot")


class LiveSession:
    """Delivers the events of one session to its members in this process, without gap and in order.

    The stream is the truth and a group message only a hint: an event whose `prev` is not the last one delivered
    makes the session read what is missing. Whoever reads the stream further than the session has come, a joining
    member's replay included, feeds everybody, so no event is ever waited for twice.

    Args:
        sid: the session.
        stream: where events are read from.
        replaying: whoever holds it reads and writes a page of a replay; others wait in line.
    """

    def __init__(self, sid: str, stream: SessionStream, replaying: asyncio.Semaphore) -> None:
        self.sid = sid
        self.last = BEGINNING
        self._opened = False
        self.members: set[Member] = set()
        self.active = True
        self._live: set[Member] = set()
        self._stream = stream
        self._replaying = replaying
        self._refill: asyncio.Task[None] | None = None
        self._asked = False
        self._presence: dict[str, int] = {}
        self._presence_due: asyncio.TimerHandle | None = None
        self._arriving: dict[str, asyncio.Future[None]] = {}

    def on_message(self, message: dict[str, Any]) -> None:
        """Take a message to the session's group; ones of unknown type are for other readers of the group."""
        handler = _HANDLERS.get(message.get("type", ""))
        if handler is not None:
            handler(self, message)

    def open(self, tail: str) -> None:
        """Begin after the stream's last event, which was read after the group was joined."""
        self.last = tail
        self._opened = True
        if self._asked:
            self.refill()

    async def arrive(self, member: Member, snapshot: Awaitable[_Snapshot]) -> _Snapshot:
        """Take the snapshot that a member's welcome is made of; it hears what is not stored from that moment on.

        The snapshot is told of on the session's channel as it is taken, so what came before is in it. Without that
        word the member hears all that comes once ARRIVAL_SECONDS have passed.

        Args:
            member: who arrives.
            snapshot: takes it, and tells the session's group that this connection has arrived.
        """
        told = self._arriving[member.connection] = asyncio.get_running_loop().create_future()
        try:
            taken = await snapshot
            await asyncio.wait([told], timeout=ARRIVAL_SECONDS)
            return taken
        finally:
            self._arriving.pop(member.connection, None)

    def go_live(self, member: Member) -> None:
        """Deliver to the member every event from now on."""
        self._live.add(member)

    async def replay(self, member: Member, since: str) -> None:
        """Deliver to the member every event after an id at the client's pace, then go live.

        While the store is away this waits.
        """
        self._live.discard(member)
        if order(since) > order(self.last):
            await self._come_as_far_as_the_stream()
        cursor = min(since, self.last, key=order)  # an id that the session never reached is none to go on from
        count = PAGE
        while not member.closed and member not in self._live:
            await member.drained()
            cursor, count = await insist(partial(self._replay_page, member, cursor, count), DoqchatError)

    async def _replay_page(self, member: Member, cursor: str, count: int) -> tuple[str, int]:
        """Write to the member up to so many events after an id, or as many as its socket takes; live at the end.

        Returns the id of the last one written, and how many to read next: a page is no larger than what the socket
        takes of it, so that nothing of it is kept while the client does not read.
        """
        async with self._replaying:
            page = await self._stream.read(self.sid, after=cursor, count=count)
            for number, entry in enumerate(page, 1):
                member.push(self._passed(entry))
                if member.behind:
                    return entry.id, number
                if number % FRAMES_A_TURN == 0:
                    await asyncio.sleep(0)
            cursor = page[-1].id if page else cursor
            if len(page) < count and order(cursor) >= order(self.last):
                self.go_live(member)
            return cursor, min(2 * count, PAGE)

    def leave(self, member: Member) -> None:
        """Forget a member."""
        self.members.discard(member)
        self._live.discard(member)

    def refill(self) -> None:
        """Read what came after the last event delivered, and deliver it; once at a time.

        What is asked for during a read may not be in it, so it is read once more; what is asked for before the
        session is open is read then.
        """
        self._asked = True
        if self._opened and self._refill is None:
            self._refill = asyncio.create_task(self._read_on())

    def close(self) -> None:
        """Stop what still runs."""
        if self._refill is not None:
            self._refill.cancel()
        if self._presence_due is not None:
            self._presence_due.cancel()
            self._presence_due = None

    def _on_entry(self, message: dict[str, Any]) -> None:
        entry = Entry(message["id"], message["prev"], "", message["body"])
        if self._opened and entry.prev == self.last:
            self._deliver(entry)
        elif order(entry.id) > order(self.last):
            self.refill()

    def _on_signal(self, message: dict[str, Any]) -> None:
        text, full, sender = message["text"], message.get("full", False), message.get("sender")
        if not isinstance(text, str):
            raise TypeError("The text of a signal is a string.")
        for member in self.members:
            arriving = member.connection in self._arriving
            if (member.full or not full) and member.connection != sender and not arriving:
                member.push(text)

    def _on_presence(self, message: dict[str, Any]) -> None:
        self._presence = counts(message["members"] or ())
        arrived = self._arriving.pop(message.get("arrived", ""), None)
        if arrived is not None:
            arrived.set_result(None)
        if self._presence_due is None:
            self._presence_due = asyncio.get_running_loop().call_later(PRESENCE_SECONDS, self._tell_presence)

    def _tell_presence(self) -> None:
        self._presence_due = None
        text = server.ephemeral(self.sid, Presence(members=self._presence))
        for member in self.members:
            if member.full:
                member.push(text)

    def _passed(self, entry: Entry) -> str:
        """The entry's frame; one that the session has not come to yet is delivered on the way."""
        if order(entry.id) > order(self.last):
            return self._deliver(entry)
        return entry.wire()

    def _deliver(self, entry: Entry) -> str:
        text = entry.wire()
        self.last = entry.id
        self.active = True
        for member in self._live:
            member.push(text)
        return text

    async def _come_as_far_as_the_stream(self) -> None:
        """Deliver what is missing here before somebody reads on from an id that the session has not come to."""
        self.refill()
        if self._refill is not None:
            await asyncio.wait([self._refill])

    async def _read_on(self) -> None:
        try:
            while self._asked:
                self._asked = False
                page = await insist(partial(self._stream.read, self.sid, self.last, PAGE), DoqchatError)
                for entry in page:
                    self._passed(entry)
                self._asked = self._asked or len(page) == PAGE
        finally:
            self._refill = None


_HANDLERS: dict[str, Callable[[LiveSession, dict[str, Any]], None]] = {
    "session.entry": LiveSession._on_entry,
    "session.signal": LiveSession._on_signal,
    "session.presence": LiveSession._on_presence,
}
