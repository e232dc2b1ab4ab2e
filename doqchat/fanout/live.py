"""One session as a process sees it: its members here, and the last event that they have."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from doqchat.errors import DoqchatError, Forbidden
from doqchat.fanout.member import FAILED, Member
from doqchat.fanout.replay import FRAMES_A_TURN, PAGE, Torn, replay
from doqchat.fanout.signals import Signals
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store.faults import retry_until_available
from doqchat.store.revocations import Revoked
from doqchat.store.stream import Entry, SessionStream

log = logging.getLogger(__name__)

LOGGED_TYPES = 100
"""Unknown types of messages that one process logs, each of them once."""

_logged: set[str] = set()


class LiveSession:
    """Delivers the events of one session to its members in this process, without gap and in order.

    The stream is the truth and a group message only a hint: an event whose `prev` is not the last one delivered
    makes the session read what is missing. Whoever reads the stream further than the session has come, a joining
    member's replay included, feeds everybody, so no event is ever waited for twice. Only those whose sockets are
    behind at that are not fed but read on by themselves.

    Args:
        sid: the session.
        stream: where events are read from.
        replaying: whoever holds it reads and writes a page of a replay; others wait in line.
        on_missed: called when the subscription to the session's group was broken for a while.

    Attributes:
        last: the id of the last event delivered.
        members: those who are here.
        signals: what they hear that is not stored.
        revoked: the session's revocations.
        active: whether there was an event since the session's activity was last noted.
    """

    def __init__(
        self, sid: str, stream: SessionStream, replaying: asyncio.Semaphore, on_missed: Callable[[], None]
    ) -> None:
        self.sid = sid
        self.stream = stream
        self.replaying = replaying
        self.last = BEGINNING
        self.members: set[Member] = set()
        self.signals = Signals(sid, self.members)
        self.revoked = Revoked()
        self.active = False
        self._on_missed = on_missed
        self._opened = False
        self._live: set[Member] = set()
        self._replays: dict[Member, asyncio.Task[None]] = {}
        self._refill: asyncio.Task[None] | None = None
        self._asked = False

    def on_message(self, message: dict[str, Any]) -> None:
        """Take a message to the session's group; one of another type is for other readers, or a mistake."""
        match message.get("type"):
            case "session.entry":
                self._on_entry(Entry(message["id"], message["prev"], "", message["body"]))
            case "session.signal":
                self.signals.signal(message)
            case "session.presence":
                self.signals.presence(message)
            case "session.revoked":
                self.revoke({message["what"]: float(message["moment"])})
            case other:
                _log_unknown(other, self.sid)

    def open(self, tail: str) -> None:
        """Begin after the stream's last event, which was read after the group was joined."""
        self.last = tail
        self._opened = True
        if self._asked:
            self.refill()

    def go_live(self, member: Member) -> None:
        """Deliver to the member every event from now on."""
        self._live.add(member)

    def is_live(self, member: Member) -> bool:
        """Whether the member gets every event as it comes."""
        return member in self._live

    def replay(self, member: Member, since: str, *, whole: bool) -> None:
        """Deliver to the member every event after an id at its own pace, then go live; until then it gets no other.

        It takes the place of a replay that is under way. `whole` says whether the client was told that nothing after
        the id is missing: then it is dropped, to hear of it, if something is removed meanwhile.
        """
        self._live.discard(member)
        self._end_replay(member)
        self._replays[member] = asyncio.create_task(self._replay(member, since, whole))

    def leave(self, member: Member) -> None:
        """Forget a member."""
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
        """Read what came after the last event delivered, and deliver it; once at a time.

        What is asked for during a read may not be in it, so it is read once more; what is asked for before the
        session is open is read then.
        """
        self._asked = True
        if self._opened and self._refill is None:
            self._refill = asyncio.create_task(self._read_on())

    def missed(self) -> None:
        """Read what was missed while the subscription was broken; what is not stored is for others to look after."""
        self.refill()
        self._on_missed()

    async def come_as_far_as_the_stream(self) -> None:
        """Deliver what is missing here before somebody reads on from an id that the session has not come to."""
        self.refill()
        if self._refill is not None:
            await asyncio.wait([self._refill])

    def passed(self, entry: Entry) -> str:
        """The frame of an entry that was read; one that the session has not come to yet is delivered on the way."""
        if order(entry.id) <= order(self.last):
            return entry.wire()
        for member in [member for member in self._live if member.behind]:
            self.replay(member, self.last, whole=member.full)
        return self._deliver(entry)

    def close(self) -> None:
        """Stop what still runs."""
        if self._refill is not None:
            self._refill.cancel()
        self.signals.close()

    def _on_entry(self, entry: Entry) -> None:
        if self._opened and entry.prev == self.last:
            self._deliver(entry)
        elif order(entry.id) > order(self.last):
            self.refill()

    def _deliver(self, entry: Entry) -> str:
        text = entry.wire()
        self.last = entry.id
        self.active = True
        for member in self._live:
            member.push(text)
        return text

    async def _read_on(self) -> None:
        try:
            while self._asked:
                self._asked = False
                page = await retry_until_available(partial(self.stream.read, self.sid, self.last, PAGE), DoqchatError)
                for number, entry in enumerate(page, 1):
                    self.passed(entry)
                    if number % FRAMES_A_TURN == 0:
                        await asyncio.sleep(0)
                self._asked = self._asked or len(page) == PAGE
        except Exception:
            log.exception("What is missing in session %s cannot be read; its clients are to come back.", self.sid)
            for member in list(self._live):
                member.drop(FAILED)
        finally:
            self._refill = None

    async def _replay(self, member: Member, since: str, whole: bool) -> None:
        try:
            await replay(self, member, since, whole=whole)
        except Torn:
            log.info("Events of session %s were removed as they were read; a client is to come back.", self.sid)
            member.drop(FAILED)
        except Exception:
            log.exception("A replay of session %s failed; its client is to come back.", self.sid)
            member.drop(FAILED)
        finally:
            if self._replays.get(member) is asyncio.current_task():
                del self._replays[member]

    def _end_replay(self, member: Member) -> None:
        under_way = self._replays.pop(member, None)
        if under_way is not None:
            under_way.cancel()


def _log_unknown(kind: object, sid: str) -> None:
    """Log a type of message that no socket gets: whoever sent it hears nothing from `group_send`."""
    name = repr(kind)
    if name not in _logged and len(_logged) < LOGGED_TYPES:
        _logged.add(name)
        log.warning(
            "A message to the group of session %s has the type %s, which reaches no socket; send session.signal.",
            sid,
            name,
        )
