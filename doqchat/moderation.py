"""Moderation: staff and principals with `moderate` remove messages, mute roles, close sessions, and revoke
tokens.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from doqchat.access.principal import Principal
from doqchat.engine import Engine
from doqchat.errors import Conflict, NotFound
from doqchat.protocol import server
from doqchat.protocol.events import Body, MessageRemoved, SessionClosed, SessionNotice
from doqchat.protocol.names import HUMAN_ROLES, MODEL_ROLE, HumanRole, Role


@dataclass(frozen=True, slots=True)
class Moderator:
    """Moderates one session. Each action but `revoke` is stored as an event, which all members receive.

    Args:
        engine: the engine of the running loop.
        principal: who moderates.

    Raises Forbidden without the capability `moderate`.
    """

    engine: Engine
    principal: Principal

    def __post_init__(self) -> None:
        self.principal.require("moderate")

    async def notice(self, text: str) -> str:
        """Store a notice of the moderator for all members; returns the event's id.

        Args:
            text: 1 to LONGEST_NOTICE characters.

        Raises:
            SessionClosed, RateLimited, Unreadable, Unavailable: nothing was stored.
            Uncertain: it is unknown whether it is stored.
        """
        by, envelope = self._reported(SessionNotice(code="admin", text=text))
        return (await self.engine.stream.append(self._sid, by, envelope)).id

    async def remove(self, entry_id: str, reason: str | None = None) -> bool:
        """Remove what an event says, for all members, in history, search and prompts; an active reply is cancelled.

        Args:
            entry_id: a message, a request or a reply.
            reason: one line for the members.

        Returns:
            Whether it was removed; False if it had been before.

        Raises:
            NotFound: the session has no such message.
            Conflict: the session is on legal hold.
            Unreadable, Unavailable: nothing was removed.
        """
        entry = await self.engine.stream.get(self._sid, entry_id)
        placeholder = None if entry is None else server.placeholder(entry.body)
        if placeholder is None:
            raise NotFound("The session has no message or reply with this id.", field="id")
        if self.engine.archive is not None and (known := await self.engine.archive.known(self._sid)) and known.hold:
            raise Conflict("The session is on legal hold: nothing of it is removed.")
        report = MessageRemoved(id=entry_id, reason=reason)
        return await self.engine.moderation.remove(self._sid, entry_id, placeholder, *self._reported(report))

    async def mute(self, role: HumanRole, seconds: int | None = None, reason: str | None = None) -> None:
        """Refuse messages and requests of a role.

        Args:
            role: `A`, `B` or `user`.
            seconds: for how long; None until `unmute`.
            reason: one line for the members.

        Raises Unreadable and Unavailable.
        """
        until = None if seconds is None else _rfc3339(datetime.now(UTC) + timedelta(seconds=seconds))
        text = f"A moderator has muted {role}." if until is None else f"A moderator has muted {role} for {seconds} s."
        notice = SessionNotice(code="muted", text=text, role=role, until=until, reason=reason)
        await self.engine.moderation.mute(self._sid, role, seconds or 0, *self._reported(notice))

    async def unmute(self, role: HumanRole) -> bool:
        """Accept messages of a role again; False if it is not muted. Raises Unreadable and Unavailable."""
        notice = SessionNotice(code="unmuted", text=f"{role} may write again.", role=role)
        return await self.engine.moderation.unmute(self._sid, role, *self._reported(notice))

    async def close(self, reason: str | None = None) -> bool:
        """Close the session: replies are cancelled, connections closed with 4410, and nothing more is accepted.

        The history stays readable over HTTP. Returns False if it is closed already. Raises Unreadable and Unavailable.
        """
        return await self.engine.moderation.close(self._sid, *self._reported(SessionClosed(reason=reason)))

    async def reopen(self) -> bool:
        """Reopen the session; False if it is not closed. Raises Unreadable and Unavailable."""
        notice = SessionNotice(code="reopened", text="The session is open again.")
        return await self.engine.moderation.reopen(self._sid, *self._reported(notice))

    async def revoke(self, what: str) -> None:
        """Revoke tokens of the session, and close their connections.

        Args:
            what: the entry, see doqchat/store/revocations.py.

        Raises Conflict and Unavailable.
        """
        await self.engine.revocations.revoke(self._sid, what)

    @property
    def _sid(self) -> str:
        return self.principal.sid

    def _reported(self, body: Body) -> tuple[Role, str]:
        """The participant and the envelope of the event that reports an action."""
        role = cast(Role, self.principal.role) if self.principal.role in HUMAN_ROLES else MODEL_ROLE
        return role, server.stored(self._sid, body, role, self.principal.name, self.principal.pseudonym)


async def report(engine: Engine, sid: str, notice: SessionNotice, name: str | None = None) -> None:
    """Store what an administrator has done to a session, for all members; also in a closed session.

    Args:
        engine: the engine of the running loop.
        sid: the session.
        notice: what was done.
        name: the administrator's.

    Raises Unreadable and Unavailable.
    """
    await engine.stream.keep(sid)
    await engine.moderation.report(sid, MODEL_ROLE, server.stored(sid, notice, name=name))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
