"""The traffic of one connection: events in; messages, actions and typing out."""

import asyncio
from collections import deque
from contextlib import suppress

from doqchat_client.connection import Address, Connection
from doqchat_client.events import Event, Welcome, new_msg_id, write
from doqchat_client.exceptions import Disconnected, Internal, Unavailable, Unreadable, from_wire
from doqchat_client.feed import Feed
from doqchat_client.pending import Pending, SendQueue
from doqchat_client.waiting import Backoff, first_of

ANSWER_SECONDS = 15.0
LONGEST_RETRY = 2.0
TYPING_PAUSE = 1.0
"""Minimum interval of typing frames, because of the server's rate limit."""

REFUSAL_WINDOW = 10.0
MOST_REFUSALS = 45
"""The server answers the first 50 refusals within REFUSAL_WINDOW seconds and then none; a few may be on their way."""


class TypingState:
    """Whether the member is typing; only the latest state is worth sending."""

    def __init__(self) -> None:
        self._active = False
        self._news = asyncio.Event()

    def set(self, active: bool) -> None:
        """Typing has started, continues, or has ended."""
        self._active = active
        self._news.set()

    async def changed(self) -> bool:
        """The state, once there is a new one."""
        await self._news.wait()
        self._news.clear()
        return self._active


class Exchange:
    """Receives events and sends pending frames over one connection.

    Args:
        connection: an open connection.
        address: provides new tokens.
        feed, messages, actions, typing: state that outlives the connection.
    """

    def __init__(
        self,
        connection: Connection,
        address: Address,
        feed: Feed,
        messages: SendQueue,
        actions: SendQueue,
        typing: TypingState,
    ) -> None:
        self._connection = connection
        self._address = address
        self._expiring = asyncio.Event()
        self._feed = feed
        self._messages = messages
        self._actions = actions
        self._typing = typing
        self._sync: str | None = None
        self._synced = asyncio.Event()
        self._refusals: deque[float] = deque(maxlen=MOST_REFUSALS)

    async def run(self, welcome: Event) -> None:
        """Run until the connection ends.

        Raises:
            Disconnected: it has ended.
            ServerError: it has ended with a permanent close code.
            ChatError, ValueError: raised by the token's callable, to stop.
        """
        await first_of(
            self._receive(welcome),
            self._send(self._messages),
            self._send(self._actions),
            self._send_typing(),
            self._send_syncs(),
            self._feed.recover(),
            self._renew_token(),
        )

    async def _receive(self, welcome: Event) -> None:
        await self._take(welcome)
        while True:
            await self._take(await self._connection.receive())

    async def _take(self, event: Event) -> None:
        if event.event == "chat.ack":
            self._messages.acknowledged(event.bd.get("msg_id"), event.bd)
        elif event.event == "pong":
            self._actions.ponged(event.bd.get("msg_id"))
        elif event.event == "error":
            self._refused(event)
        else:
            if event.event == "auth.expiring":
                self._expiring.set()
            if isinstance(event, Welcome):
                self._sync = None
                self._synced.set()
            await self._feed.take(event)

    def _refused(self, event: Event) -> None:
        """An error answers what was sent; one about a `session.sync` leaves a hole that only a new start can fill."""
        error = from_wire(event.bd)
        if not isinstance(error, Unavailable | Unreadable | Internal):  # a fault of the server
            self._refusals.append(asyncio.get_running_loop().time())
        if self._sync is not None and error.msg_id == self._sync:
            raise Disconnected(f"session.sync was refused: {error.message}", retry_after=error.retry_after)
        self._messages.refused(error)
        self._actions.refused(error)

    async def _send(self, queue: SendQueue) -> None:
        backoff = Backoff(LONGEST_RETRY)
        while True:
            await queue.filled.wait()
            await self._room_for_a_refusal()
            pending = queue.first()
            if pending is None:
                continue
            if await self._try(queue, pending):
                await asyncio.sleep(max(backoff.next(), pending.retry_after))
            else:
                backoff.reset()

    async def _room_for_a_refusal(self) -> None:
        """Wait while the server may refuse without an answer, which could be taken for success."""
        if len(self._refusals) == MOST_REFUSALS:
            await asyncio.sleep(self._refusals[0] + REFUSAL_WINDOW - asyncio.get_running_loop().time())

    async def _try(self, queue: SendQueue, pending: Pending) -> bool:
        """Send an item and wait for its answer; returns whether to retry."""
        try:
            with queue.trying(pending) as frames:
                async with asyncio.timeout(ANSWER_SECONDS):
                    for text in frames:
                        await self._connection.send(text)
                    return await pending.ended()
        except TimeoutError:
            raise Disconnected(f"no answer within {ANSWER_SECONDS:g} s") from None

    async def _send_typing(self) -> None:
        while True:
            active = await self._typing.changed()
            await self._connection.send(write("chat.typing", {"active": active}, new_msg_id()))
            await asyncio.sleep(TYPING_PAUSE)

    async def _renew_token(self) -> None:
        """Renew the token before it expires; if that fails, the next connection gets a new one."""
        while True:
            await self._expiring.wait()
            self._expiring.clear()
            with suppress(Disconnected):
                if (token := await self._address.new_token()) is not None:
                    await self._connection.send(write("auth.refresh", {"token": token}, new_msg_id()))

    async def _send_syncs(self) -> None:
        """Have the server send again what comes after the reader's last event, and what the active replies have said
        so far, whenever something is missing; one at a time."""
        while True:
            await self._feed.wants_sync.wait()
            self._sync = new_msg_id()
            self._synced.clear()
            await self._connection.send(write("session.sync", {"since": self._feed.begin_sync()}, self._sync))
            await self._synced.wait()
