"""The received state of a session, across connections: its position, its replies and its queue."""

import asyncio

from doqchat_client.cursor import BEGINNING, Cursor, Step, order
from doqchat_client.events import Event, Gap, Welcome
from doqchat_client.exceptions import ProtocolError
from doqchat_client.queue import EventQueue
from doqchat_client.replies import Replies
from doqchat_client.reply import Reply
from doqchat_client.waiting import Waiters, first_of

PATIENCE_SECONDS = 0.5
"""How long a full queue may hold up an answer that the program waits for."""


class Feed:
    """Puts the session's events into the queue, gapless and in order.

    A full queue stops the reading, and so, by TCP's flow control, the server. But answers come by the same connection:
    while the program waits for one, reading continues, and events are dropped until the queue is empty. Then the
    server sends again what follows the last one in the queue. Replies miss nothing of what is dropped.

    Args:
        since: where to begin; None begins with what comes next.
        queue: where events go.
        replies: what puts replies together.
        waiters: whether the program waits for an answer.

    Attributes:
        wants_sync: set when a `session.sync` would bring what is missing.
    """

    def __init__(self, since: str | None, queue: EventQueue, replies: Replies, waiters: Waiters) -> None:
        self.wants_sync = asyncio.Event()
        self._queue = queue
        self._replies = replies
        self._waiters = waiters
        self._queued = Cursor(since)
        self._received = Cursor(since)
        """Where the reading is while events are dropped; not of use otherwise."""
        self._dropping = asyncio.Event()
        self._asked: Cursor | None = None

    def begin(self) -> str | None:
        """A connection begins; after which event. What is missing is on its way until its welcome has come."""
        self._asked = self._cursor
        self.wants_sync.clear()
        if self._replies.earliest_unknown is not None:
            self.wants_sync.set()
        return self._asked.last

    def begin_sync(self) -> str:
        """As `begin`, for a `session.sync`, which may begin earlier to find how replies have ended."""
        self._asked = self._cursor
        self.wants_sync.clear()
        last, unknown = self._asked.last or BEGINNING, self._replies.earliest_unknown
        return unknown if unknown is not None and self._asked.is_past(unknown) else last

    async def take(self, event: Event) -> None:
        """Take an event of the session; returns when there is room for the next."""
        torn = self._replies.take(event)
        if isinstance(event, Welcome):
            await self._welcome(event)
        elif event.event == Welcome.name:
            raise ProtocolError("The server's welcome is malformed.")
        elif event.durable:
            await self._take_durable(event)
        else:
            await self._put(event)
            if torn:
                self._miss()

    @property
    def last(self) -> str | None:
        """The id of the last stored event that has come."""
        return self._cursor.last

    def reply_to(self, request_id: str, last: str | None) -> Reply:
        """The reply to a request that is stored. One that may have ended before is looked for.

        Args:
            request_id: the request.
            last: the last stored event that had come when the request was sent.
        """
        in_the_past = Cursor(last).is_past(request_id)
        reply = self._replies.to(request_id, in_the_past=in_the_past)
        if in_the_past and reply.reply_id is None:
            self.wants_sync.set()
        return reply

    async def recover(self) -> None:
        """Have dropped events sent again as soon as they can be read, until this is cancelled."""
        while True:
            await self._dropping.wait()
            await self._queue.empty.wait()
            self._dropping.clear()
            self.wants_sync.set()

    @property
    def _cursor(self) -> Cursor:
        return self._received if self._dropping.is_set() else self._queued

    def _miss(self) -> None:
        if self._asked is None:
            self.wants_sync.set()

    async def _welcome(self, welcome: Welcome) -> None:
        asked, self._asked = self._asked or self._cursor, None
        cursor = self._cursor if self._dropping.is_set() else asked
        gap = Gap.of(welcome, cursor.last)
        if gap is not None and self._is_before(gap, cursor, welcome):
            gap = None
        if gap is not None and cursor is self._queued:
            await self._put(gap)
            cursor = self._cursor  # a gap that was dropped is reported again
        stepped_back = cursor.welcome(welcome.last_id, gap=gap is not None)
        await self._put(welcome)
        if stepped_back:
            self.wants_sync.set()

    @staticmethod
    def _is_before(gap: Gap, cursor: Cursor, welcome: Welcome) -> bool:
        """Whether only events are missing that the reader had long ago: a replay for a reply began before them."""
        if cursor.last is None or gap.oldest_id is None:
            return False
        return cursor.is_past(gap.oldest_id) and not order(cursor.last) > order(welcome.last_id)

    async def _take_durable(self, event: Event) -> None:
        step = self._cursor.judge(event)
        if step is Step.NEXT:
            await self._put(event)
            if self._cursor.judge(event) is Step.NEXT:  # dropping may have begun, further on
                self._cursor.advance(event)
        elif step is Step.TOO_EARLY:
            self._miss()

    async def _put(self, event: Event) -> None:
        """Put the event into the queue, once there is room, or drop it."""
        while not self._queue.room.is_set() and not self._dropping.is_set():
            if self._waiters.any.is_set():
                await self._wait_for_room_or_drop()
            else:
                await first_of(self._queue.room.wait(), self._waiters.any.wait())
        if not self._dropping.is_set():
            self._queue.put(event)

    async def _wait_for_room_or_drop(self) -> None:
        """A program that waits for an answer may make no room meanwhile."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._queue.room.wait()
        except TimeoutError:
            if order(self._received.last or BEGINNING) < order(self._queued.last or BEGINNING):
                self._received = self._queued.copy()
            self._dropping.set()
