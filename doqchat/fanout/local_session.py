"""One session in one process: its members there, and the last event that was delivered to them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from doqchat import errors, tracing
from doqchat.errors import DoqchatError, Forbidden
from doqchat.fanout.ephemeral import EphemeralEvents
from doqchat.fanout.member import FAILED, Member
from doqchat.fanout.replay import FRAMES_A_TURN, PAGE, EventsRemoved, replay
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store.faults import retry_until_available
from doqchat.store.moderation import CLOSED_MESSAGE
from doqchat.store.reader import Entry
from doqchat.store.revocations import Revoked
from doqchat.store.stream import SessionStream

log = logging.getLogger(__name__)

LOGGED_TYPES = 100
"""Maximum number of unknown message types that a process logs, each once."""

_logged: set[str] = set()


class LocalSession:
    """Delivers the events of one session to its members in this process, in order, with none missing.

    The stream is the source of truth, and a published event is a hint: if its `prev` is not the last delivered event,
    the session reads the missing ones from the stream. An event beyond the last delivered one, also if a replay has
    read it, is delivered to all live members. Members whose sockets are behind at that get a replay of their own.

    Args:
        sid: the session.
        stream: the sessions' streams.
        replaying: limits the replays that read and write a page concurrently.
        on_missed: called after the subscription to the session's group was interrupted.
        active: the sessions with an event since their activity was last recorded; it adds itself.

    Attributes:
        last: the id of the last delivered event.
        members: the members in this process.
        ephemeral: delivers ephemeral events to them.
        revoked: the session's revocations.
        recorded: when its activity was last recorded, by the clock of the event loop.
        closed: whether a moderator has closed the session.
        counts: counts the deliveries.
    """

    def __init__(
        self,
        sid: str,
        stream: SessionStream,
        replaying: asyncio.Semaphore,
        on_missed: Callable[[], None],
        active: set["LocalSession"],
    ) -> None:
        self.sid = sid
        self.stream = stream
        self.replaying = replaying
        self.last = BEGINNING
        self.members: set[Member] = set()
        self.ephemeral = EphemeralEvents(sid, self.members)
        self.revoked = Revoked()
        self.closed = False
        self.recorded = 0.0
        self._active = active
        self.counts = stream.counts(sid)
        self._on_missed = on_missed
        self._opened = False
        self._live: set[Member] = set()
        self._replays: dict[Member, asyncio.Task[None]] = {}
        self._refill: asyncio.Task[None] | None = None
        self._asked = False

    def on_message(self, message: dict[str, Any]) -> None:
        """Handle a message to the session's group; unknown types are logged."""
        match message.get("type"):
            case "session.entry":
                entry = Entry(message["id"], message["prev"], "", message["body"])
                if "traceparent" in message:
                    self._on_traced_entry(entry, message["traceparent"])
                else:
                    self._on_entry(entry)
            case "session.signal":
                self.ephemeral.relay(message)
            case "session.presence":
                self.ephemeral.presence(message)
            case "session.revoked":
                self.revoke({message["what"]: float(message["moment"])})
            case other:
                _log_unknown(other, self.sid)

    def open(self, tail: str) -> None:
        """Begin after the last event of the stream, read after joining the group."""
        self.last = tail
        self._opened = True
        if self._asked:
            self.refill()

    def go_live(self, member: Member) -> None:
        """Deliver all following events to the member as they are published."""
        self._live.add(member)

    def is_live(self, member: Member) -> bool:
        """Whether the member gets events as they are published."""
        return member in self._live

    def replay(self, member: Member, since: str, *, whole: bool) -> None:
        """Deliver all events after an id at the pace of the member's socket, then go live.

        Replaces an active replay.

        Args:
            member: the member.
            since: the id.
            whole: whether the client was told that no event after the id is missing: then its connection is closed if
                events are removed meanwhile.
        """
        self._live.discard(member)
        self._end_replay(member)
        self._replays[member] = asyncio.create_task(self._replay(member, since, self.last, whole))

    def leave(self, member: Member) -> None:
        """Remove a member."""
        self.members.discard(member)
        self._live.discard(member)
        self._end_replay(member)

    def revoke(self, times: Mapping[str, float]) -> None:
        """Close the connections whose tokens are revoked."""
        self.revoked.add(times)
        for member in list(self.members):
            try:
                self.revoked.check(member.principal)
            except Forbidden as problem:
                member.end(problem)

    def refill(self) -> None:
        """Read the events after the last delivered one, and deliver them. There is one read at a time.

        A call during a read causes another one, and a call before `open` causes one then.
        """
        self._asked = True
        if self._opened and self._refill is None:
            self._refill = asyncio.create_task(self._read_on())

    def missed(self) -> None:
        """Read the events that were published while the subscription was interrupted. Ephemeral ones are lost."""
        self.refill()
        self._on_missed()

    async def catch_up(self) -> None:
        """Deliver all events of the stream, before a replay from an id beyond the last delivered one."""
        self.refill()
        if self._refill is not None:
            await asyncio.wait([self._refill])

    def deliver_if_new(self, entry: Entry) -> str:
        """The frame of a read entry, which is delivered to live members if it is beyond the last delivered one."""
        if order(entry.id) <= order(self.last):
            return entry.wire()
        for member in [member for member in self._live if member.behind]:
            self.replay(member, self.last, whole=member.full)
        return self._deliver(entry)

    def close(self) -> None:
        """Cancel background tasks."""
        if self._refill is not None:
            self._refill.cancel()
        self.ephemeral.close()

    def _on_entry(self, entry: Entry) -> None:
        if self._opened and entry.prev == self.last:
            self._deliver(entry)
        elif order(entry.id) > order(self.last):
            self.refill()

    def _on_traced_entry(self, entry: Entry, traceparent: str) -> None:
        """Handle a published event whose sender has traced it."""
        known = {tracing.SESSION_ID: self.sid, tracing.EVENT_ID: entry.id}
        with tracing.span("deliver", "consumer", known, parent=traceparent) as span:
            span.add({"doqchat.sockets": len(self._live)})
            self._on_entry(entry)

    def _deliver(self, entry: Entry) -> str:
        text = entry.wire()
        self.last = entry.id
        self._active.add(self)
        for member in self._live:
            member.push(text)
        self.counts.delivered(entry.id, len(self._live))
        if server.closes(entry.body):
            self._end()
        elif self.closed and server.reopens(entry.body):
            self.closed = False
        return text

    def _end(self) -> None:
        """Close the connections to a session that a moderator has closed."""
        self.closed = True
        for member in list(self.members):
            member.end(errors.SessionClosed(CLOSED_MESSAGE))

    async def _read_on(self) -> None:
        try:
            while self._asked:
                self._asked = False
                page = await retry_until_available(partial(self.stream.read, self.sid, self.last, PAGE), DoqchatError)
                for number, entry in enumerate(page, 1):
                    self.deliver_if_new(entry)
                    if number % FRAMES_A_TURN == 0:
                        await asyncio.sleep(0)
                self._asked = self._asked or len(page) == PAGE
        except Exception:
            log.exception("Reading missing events of session %s failed; its clients have to reconnect.", self.sid)
            for member in list(self._live):
                member.drop(FAILED)
        finally:
            self._refill = None

    async def _replay(self, member: Member, since: str, reached: str, whole: bool) -> None:
        try:
            await replay(self, member, since, reached, whole=whole)
        except EventsRemoved:
            log.info("Events of session %s were removed during a replay; its client has to reconnect.", self.sid)
            member.drop(FAILED)
        except Exception:
            log.exception("A replay of session %s failed; its client has to reconnect.", self.sid)
            member.drop(FAILED)
        finally:
            if self._replays.get(member) is asyncio.current_task():
                del self._replays[member]

    def _end_replay(self, member: Member) -> None:
        active = self._replays.pop(member, None)
        if active is not None:
            active.cancel()


def _log_unknown(kind: object, sid: str) -> None:
    """Log a type of message that no socket gets, because `group_send` reports nothing to its caller."""
    name = repr(kind)
    if name not in _logged and len(_logged) < LOGGED_TYPES:
        _logged.add(name)
        log.warning(
            "A message to the group of session %s has the type %s, which reaches no socket; send session.signal.",
            sid,
            name,
        )
