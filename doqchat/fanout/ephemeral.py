"""Delivers the ephemeral events of a session to its members in this process: relayed frames, and presence."""

import asyncio
from collections.abc import Awaitable, Sequence, Set
from typing import Any, TypeVar

from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import Presence
from doqchat.store.presence import Present, present

PRESENCE_SECONDS, PRESENCE_SECONDS_A_MEMBER = 0.05, 0.001
"""How long presence changes are collected before they are sent, and how much longer for each member: in a large session
with many joins, sending each change to all members would keep the process busy."""

MEMBERS_A_TURN = 20
"""Number of members that get presence before the event loop is yielded to."""

ARRIVAL_SECONDS = 1.0
"""Timeout of waiting for the publication of an own snapshot, which is lost if the subscription breaks meanwhile."""

_Snapshot = TypeVar("_Snapshot")


class EphemeralEvents:
    """Delivers published ephemeral events to the members of one session in this process.

    Args:
        sid: the session.
        members: the members; the set changes as they join and leave.

    Attributes:
        present: who is connected to the session, as last published on the session's channel.
    """

    def __init__(self, sid: str, members: Set[Member]) -> None:
        self._sid = sid
        self._members = members
        self.present = Present()
        self._presence_due: asyncio.TimerHandle | None = None
        self._arriving: dict[str, asyncio.Future[None]] = {}

    async def arrive(self, member: Member, snapshot: Awaitable[_Snapshot]) -> _Snapshot:
        """Take the snapshot for a member's welcome; from then on the member gets ephemeral events.

        The snapshot is published on the session's channel, so it includes the effect of all earlier events. If the
        publication is lost, the member gets ephemeral events after ARRIVAL_SECONDS.

        Args:
            member: the joining member.
            snapshot: takes the snapshot, and publishes that this connection has joined.
        """
        published = self._arriving[member.presence] = asyncio.get_running_loop().create_future()
        try:
            taken = await snapshot
            await asyncio.wait([published], timeout=ARRIVAL_SECONDS)
            return taken
        finally:
            self._arriving.pop(member.presence, None)

    def relay(self, message: dict[str, Any]) -> None:
        """Send a frame unchanged to all members except its sender."""
        text, full, sender = message["text"], message.get("full", False), message.get("sender")
        if not isinstance(text, str):
            raise TypeError("The text of a signal is a string.")
        for member in self._members:
            arriving = member.presence in self._arriving
            if (member.full or not full) and member.connection != sender and not arriving:
                member.push(text)

    def presence(self, message: dict[str, Any]) -> None:
        """Record the presence, and schedule sending it."""
        self.present = present(message["members"] or (), message.get("persons") or ())
        arrived = self._arriving.pop(message.get("arrived", ""), None)
        if arrived is not None:
            arrived.set_result(None)
        if self._presence_due is None:
            wait = max(PRESENCE_SECONDS, len(self._members) * PRESENCE_SECONDS_A_MEMBER)
            self._presence_due = asyncio.get_running_loop().call_later(wait, self._send_presence)

    def close(self) -> None:
        """Cancel what is scheduled."""
        if self._presence_due is not None:
            self._presence_due.cancel()
            self._presence_due = None

    def _send_presence(self) -> None:
        self._presence_due = None
        text = server.ephemeral(self._sid, Presence(members=self.present.members, people=self.present.people))
        self._send(text, [member for member in self._members if member.full])

    def _send(self, text: str, members: Sequence[Member]) -> None:
        """Send to some members now, and to the others in the following iterations of the event loop."""
        for member in members[:MEMBERS_A_TURN]:
            member.push(text)
        if others := members[MEMBERS_A_TURN:]:
            asyncio.get_running_loop().call_soon(self._send, text, others)
