"""What the members of a session hear that is not stored: signals, and who is here."""

import asyncio
from collections.abc import Awaitable, Sequence, Set
from typing import Any, TypeVar

from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import Presence
from doqchat.store.presence import counts

PRESENCE_SECONDS, PRESENCE_SECONDS_A_MEMBER = 0.05, 0.001
"""How long presence changes are gathered before members hear of them, and how much longer for each member: many who
come and go in a large session would keep the process busy with telling all of them."""

MEMBERS_A_TURN = 20
"""How many members hear of presence before everything else has its turn."""

ARRIVAL_SECONDS = 1.0
"""How long one who arrives waits for the word on the session's channel: it is lost when the connection breaks then."""

_Snapshot = TypeVar("_Snapshot")


class Signals:
    """Tells the members of one session in this process what was published and is not stored.

    Args:
        sid: the session.
        members: those who are here; it changes as they come and go.

    Attributes:
        present: how many connections there are of each role, as was last told on the session's channel.
    """

    def __init__(self, sid: str, members: Set[Member]) -> None:
        self._sid = sid
        self._members = members
        self.present: dict[str, int] = {}
        self._presence_due: asyncio.TimerHandle | None = None
        self._arriving: dict[str, asyncio.Future[None]] = {}

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

    def signal(self, message: dict[str, Any]) -> None:
        """Pass on a frame as it is."""
        text, full, sender = message["text"], message.get("full", False), message.get("sender")
        if not isinstance(text, str):
            raise TypeError("The text of a signal is a string.")
        for member in self._members:
            arriving = member.connection in self._arriving
            if (member.full or not full) and member.connection != sender and not arriving:
                member.push(text)

    def presence(self, message: dict[str, Any]) -> None:
        """Tell of who is here, soon."""
        self.present = counts(message["members"] or ())
        arrived = self._arriving.pop(message.get("arrived", ""), None)
        if arrived is not None:
            arrived.set_result(None)
        if self._presence_due is None:
            wait = max(PRESENCE_SECONDS, len(self._members) * PRESENCE_SECONDS_A_MEMBER)
            self._presence_due = asyncio.get_running_loop().call_later(wait, self._tell_presence)

    def close(self) -> None:
        """Tell nothing more."""
        if self._presence_due is not None:
            self._presence_due.cancel()
            self._presence_due = None

    def _tell_presence(self) -> None:
        self._presence_due = None
        text = server.ephemeral(self._sid, Presence(members=self.present))
        self._tell(text, [member for member in self._members if member.full])

    def _tell(self, text: str, members: Sequence[Member]) -> None:
        """Tell some members, and the others in the turns that follow."""
        for member in members[:MEMBERS_A_TURN]:
            member.push(text)
        if others := members[MEMBERS_A_TURN:]:
            asyncio.get_running_loop().call_soon(self._tell, text, others)
