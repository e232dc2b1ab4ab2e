"""A session: sending, asking and iterating over events."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from doqchat_client.connection import Address
from doqchat_client.events import Event, new_msg_id, write
from doqchat_client.exceptions import ChatError, Closed, Unavailable
from doqchat_client.exchange import TypingState
from doqchat_client.feed import Feed
from doqchat_client.pending import Answer, Pending, PendingAction, SendQueue
from doqchat_client.queue import EventQueue
from doqchat_client.reconnecting import Reconnector, State, StateHook
from doqchat_client.replies import Replies
from doqchat_client.reply import Reply
from doqchat_client.waiting import Waiters, first_of

Fields = Mapping[str, Any]


class Sent(NamedTuple):
    """A stored message.

    Attributes:
        id: the id of its event in the session.
        duplicate: whether it had been stored by an earlier attempt.
    """

    id: str
    duplicate: bool


class Session:
    """One member of a session, across reconnects; created by `connect`.

    A lost connection is not an error: the client reconnects, resends unacknowledged messages, and continues the events.
    When the server refuses permanently (close codes 4400, 4403, 4404, 4410, and 4401 without a new token), pending and
    new calls raise, and so does the iterator after the last event.

    Iterating yields the stored events in order, exactly once and without gaps, and between them ephemeral events
    (`Event.durable` is false). A `Gap` replaces events that the server no longer stores. The iteration ends when the
    session is closed. Only iterate once at a time: two iterations would share the events.
    """

    def __init__(
        self,
        address: Address,
        since: str | None,
        *,
        timeout: float | None,
        max_pending: int,
        max_queue: int,
        on_state: StateHook | None,
    ) -> None:
        self._timeout = timeout
        self._waiters = Waiters()
        self._replies = Replies(self._waiters, self._cancel_reply)
        self._queue = EventQueue(max_queue)
        self._messages, self._actions = SendQueue(max_pending), SendQueue(max_pending)
        self._typing = TypingState()
        self._feed = Feed(since, self._queue, self._replies, self._waiters)
        self._reconnector = Reconnector(address, self._feed, self._messages, self._actions, self._typing, on_state)
        self._running: asyncio.Task[None] | None = None
        self._last_read: str | None = None

    @property
    def state(self) -> State:
        """The state of the connection."""
        return self._reconnector.state or State.CONNECTING

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the session. Pending calls raise Closed; received events can still be read."""
        try:
            if self._running is not None:
                self._running.cancel()
                await asyncio.wait([self._running])
        finally:
            self._end(Closed("The session was closed."))

    async def send(
        self,
        text: str,
        *,
        msg_id: str | None = None,
        hd: Fields | None = None,
        bd: Fields | None = None,
        timeout: float | None = None,
    ) -> Sent:
        """Send a message. Messages are stored in the order of the calls of `send` and `ask`, across tasks.

        Args:
            text: 1 to 8,000 characters.
            msg_id: an idempotency key, to resend a message of an earlier call or process.
            hd, bd: additional fields of the envelope, such as `{"name": "Kim"}`.
            timeout: seconds to wait for the acknowledgement; None for the session's timeout.

        Raises:
            QueueFull: too many messages are pending.
            Unavailable: the timeout has passed, and it is not stored.
            Undelivered: the outcome is unknown: the timeout has passed, or an attempt got no answer and the next was
                refused. With a `msg_id` also if it may have been stored earlier.
            Closed: the session was closed meanwhile; it may or may not be stored.
            ServerError: the server refused it for another reason; it is not stored.
            ValueError: an additional field has the name of one of the protocol's.
        """
        answer = await self._submit("chat.message", {"text": text}, msg_id, hd, bd, timeout)
        return Sent(answer["id"], bool(answer.get("duplicate")))

    async def ask(
        self,
        prompt: str,
        *,
        llm: str | None = None,
        msg_id: str | None = None,
        hd: Fields | None = None,
        bd: Fields | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Ask the model, and return its reply once the request is stored; iterate over the reply or await it. Any
        number of requests may be active.

        Args:
            prompt: 1 to 8,000 characters, not only white space.
            llm: the alias of a model; None for the session's.
            msg_id, hd, bd, timeout: as for `send`; the timeout is for the request, not for the reply.

        Raises:
            ChatError: as for `send`.
        """
        own = {"prompt": prompt} if llm is None else {"prompt": prompt, "llm": llm}
        last = self._feed.last
        answer = await self._submit("llm.request", own, msg_id, hd, bd, timeout)
        reply = self._feed.reply_to(answer["id"], last)
        reply.duplicate = bool(answer.get("duplicate"))
        return reply

    def typing(self, active: bool = True) -> None:
        """Set whether this member is typing; sent to the others while connected."""
        self._typing.set(active)

    async def mark_read(self, up_to: str | None = None, *, timeout: float | None = None) -> None:
        """Mark everything up to an event as read by this role. Idempotent.

        Args:
            up_to: the event's id; None for the last stored event that was iterated over, if any.
            timeout: as for `send`.

        Raises:
            NotFound: there is no such event.
            ChatError: as for `send`.
        """
        up_to = up_to or self._last_read
        if up_to is not None:
            await self._act("chat.read", {"id": up_to}, timeout)

    async def cancel(self, reply_id: str, *, timeout: float | None = None) -> None:
        """Cancel a reply; it ends with its text so far. Does nothing if it has ended. Like `Reply.cancel`.

        Raises:
            NotFound: there is no such reply.
            ChatError: as for `send`.
        """
        await self._act("llm.cancel", {"reply_id": reply_id}, timeout)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            event = await self._queue.get()
        except Closed:
            raise StopAsyncIteration from None
        self._last_read = event.id or self._last_read
        return event

    async def join(self, open_timeout: float | None) -> Self:
        """Connect, and return after the first welcome; `connect` calls this once.

        Args:
            open_timeout: seconds, including retries; None waits forever.

        Raises:
            Unreachable: the timeout has passed.
            ServerError: the server refuses the connection.
        """
        self._running = asyncio.create_task(self._run())
        try:
            await first_of(self._reconnector.first_welcome(open_timeout), asyncio.wait([self._running]))
            if not self._reconnector.joined.is_set():
                await self._queue.get()  # raises what ended it
        except BaseException:
            await self.close()
            raise
        return self

    async def _submit(
        self, event: str, own: Fields, msg_id: str | None, hd: Fields | None, bd: Fields | None, timeout: float | None
    ) -> Answer:
        name = new_msg_id() if msg_id is None else msg_id
        pending = Pending(name, write(event, own, name, hd, bd), sent_before=msg_id is not None)
        return await self._answer(self._messages, pending, timeout)

    async def _act(self, event: str, bd: Fields, timeout: float | None) -> None:
        name = new_msg_id()
        await self._answer(self._actions, PendingAction(name, write(event, bd, name)), timeout)

    async def _cancel_reply(self, reply: Reply, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(self._timeout if timeout is None else timeout):
                while reply.reply_id is None and not reply.done:
                    self._feed.wants_sync.set()  # a welcome names the active replies
                    await reply.changed()
        except TimeoutError:
            raise Unavailable("The server has not named this reply in time.") from None
        if reply.reply_id is not None and not reply.done:
            await self.cancel(reply.reply_id, timeout=timeout)

    async def _answer(self, queue: SendQueue, pending: Pending, timeout: float | None) -> Answer:
        queue.add(pending)
        try:
            async with asyncio.timeout(self._timeout if timeout is None else timeout):
                with self._waiters.one_more():
                    return await pending.answer
        except TimeoutError:
            overdue = pending.overdue()
            raise overdue from overdue.__cause__
        finally:
            queue.withdraw(pending)

    async def _run(self) -> None:
        try:
            await self._reconnector.run()
        except Exception as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._messages.close(error)
        self._actions.close(error)
        self._replies.close(error)
        self._queue.close(error)
        self._reconnector.enter(State.CLOSED, error if isinstance(error, ChatError) else None)
