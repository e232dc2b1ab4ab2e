"""The client: one person's place in a session."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from doqchat_client.connection import Address
from doqchat_client.errors import Closed
from doqchat_client.events import Event, frame, new_msg_id
from doqchat_client.first_of import first_of
from doqchat_client.inbox import Inbox
from doqchat_client.outbox import Outbox
from doqchat_client.parcel import Answer
from doqchat_client.replies import Replies
from doqchat_client.session import Session
from doqchat_client.typing_state import TypingState


class Sent(NamedTuple):
    """What became of a message.

    Attributes:
        id: the id of its entry in the session.
        duplicate: whether an earlier try, or somebody else with the same msg_id, had stored it before.
    """

    id: str
    duplicate: bool


class Client:
    """Sends to a session and follows it, over any number of connections.

        async with Client("ws://localhost:3000", sid="room001", role="A") as chat:
            await chat.send("안녕하세요! 😊")
            async for event in chat:
                print(event.role, event.bd)

    Entering waits for the first welcome, for as long as that takes. From then on a lost connection is no error: it is
    made again, what was not acknowledged is sent again, and events go on where they stopped. What the server refuses
    for good (close codes 4400, 4401, 4403, 4404 and 4410) is raised on entering, by what is sent, and by the iterator
    after the last event.

    Iterating gives the stored events in order, each once and none left out, and between them those that are not
    stored (`Event.durable` is false). A `Gap` stands where the server no longer keeps what comes next. Programs that
    do not read hold up the server's sending to them, nothing else. One iteration at a time: two would share the events.

    Args:
        url: the server, without a path of its own.
        sid: the session.
        role: `A`, `B` or `user`; None leaves it to the server, or to the token.
        token: credentials for a session that needs them.
        since: where to begin: after an event's id, or `0` for all that is kept; None begins with what comes next.
        deadline: how many seconds whatever is sent may wait for its answer; None waits for ever.
        outbox: how many messages may wait for theirs.
        inbox: how many events may wait to be read.

    Attributes:
        replies: the model's replies that are under way, as of the event that was read last.

    Raises:
        ValueError: an argument cannot be meant.
    """

    def __init__(
        self,
        url: str,
        *,
        sid: str,
        role: str | None = None,
        token: str | None = None,
        since: str | None = None,
        deadline: float | None = None,
        outbox: int = 1000,
        inbox: int = 256,
    ) -> None:
        self.replies = Replies()
        self._deadline = deadline
        self._inbox = Inbox(inbox)
        self._outbox = Outbox(outbox)
        self._typing = TypingState()
        self._session = Session(Address(url, sid, role, token), since, self._inbox, self._outbox, self._typing)
        self._running: asyncio.Task[Exception] | None = None

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        try:
            await first_of(self._session.joined.wait(), asyncio.wait([self._running]))
        except BaseException:
            await self.close()
            raise
        if not self._session.joined.is_set():
            raise self._running.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave. What is not acknowledged yet raises Closed; events that were received can still be read."""
        try:
            if self._running is not None:
                self._running.cancel()
                await asyncio.wait([self._running])
        finally:
            self._end(Closed("The client was closed."))

    async def send(self, text: str, *, msg_id: str | None = None) -> Sent:
        """Say something. Messages are stored in the order in which they are sent, whichever tasks send them.

        Args:
            text: 1 to 8,000 characters.
            msg_id: name it yourself, to send it again after an end of the program without doubling it.

        Raises:
            OutboxFull: too many messages wait already.
            Unavailable: the deadline passed, and it is not stored.
            Undelivered: it is not known whether it is stored: the deadline passed, or a try got no answer and the
                next one was refused.
            Closed: the client was closed meanwhile; it may be stored or not.
            ServerError: whatever else the server has against it. It is not stored; with Internal that is not known.
        """
        return await self._say("chat.message", {"text": text}, msg_id)

    async def ask(self, prompt: str, llm: str | None = None, *, msg_id: str | None = None) -> Sent:
        """Ask the model; its reply comes as events. Otherwise as `send`.

        Args:
            prompt: 1 to 8,000 characters.
            llm: the alias of a model that the server has; None asks the default one.
            msg_id: as in `send`.
        """
        bd = {"prompt": prompt} if llm is None else {"prompt": prompt, "llm": llm}
        return await self._say("llm.request", bd, msg_id)

    def typing(self, active: bool) -> None:
        """Tell the others whether somebody is typing here, if there is a connection; nothing comes of it if not."""
        self._typing.set(active)

    async def read(self, entry_id: str) -> None:
        """Tell that this role has read up to an event; raises as `send` does, NotFound for an id that is none. To do it
        again does no harm."""
        await self._do("chat.read", {"id": entry_id})

    async def cancel(self, reply_id: str) -> None:
        """End a reply with what was said so far; raises as `send` does, NotFound for a reply that is none. To do it
        again does no harm."""
        await self._do("llm.cancel", {"reply_id": reply_id})

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            event = await self._inbox.take()
        except Closed:
            raise StopAsyncIteration from None
        self.replies.take(event)
        return event

    async def _say(self, event: str, bd: Mapping[str, Any], msg_id: str | None) -> Sent:
        name = new_msg_id() if msg_id is None else msg_id
        ack = await self._submit(name, frame(event, bd, name))
        return Sent(ack["id"], ack["duplicate"])

    async def _do(self, event: str, bd: Mapping[str, Any]) -> None:
        # These get no ack. The server takes frames one by one, so that a ping's answer comes after what it has against
        # this one, if that is anything.
        name = new_msg_id()
        await self._submit(name, frame(event, bd, name), frame("ping", {"msg_id": name}, name))

    async def _submit(self, msg_id: str, *frames: str) -> Answer:
        parcel = self._outbox.add(msg_id, frames)
        try:
            async with asyncio.timeout(self._deadline):
                return await parcel.answer
        except TimeoutError:
            raise parcel.overdue() from None
        finally:
            self._outbox.withdraw(parcel)

    async def _run(self) -> Exception:
        try:
            await self._session.run()
        except Exception as error:
            self._end(error)
            return error

    def _end(self, error: Exception) -> None:
        self._outbox.close(error)
        self._inbox.close(error)
