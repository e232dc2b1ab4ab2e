"""How long a session is kept: its own days, and legal hold."""

from typing import TypedDict, Unpack

from chat.audit import Action, Actor, record
from doqchat.archive.models import ArchivedSession
from doqchat.engine import engine
from doqchat.errors import NotFound
from doqchat.moderation import report
from doqchat.protocol.events import SessionNotice
from doqchat.sessions import check_sid

HELD = SessionNotice(
    code="held", text="An administrator has put this session on legal hold: nothing of it is removed or erased."
)
RELEASED = SessionNotice(code="released", text="An administrator has ended the legal hold of this session.")


class Kept(TypedDict, total=False):
    """How a session is kept.

    Attributes:
        days: days for which its events are kept; None for the site's setting.
        hold: whether nothing of it may be deleted or erased.
    """

    days: int | None
    hold: bool


async def read(sid: str) -> Kept:
    """How long a session is kept. Raises InvalidMessage and NotFound as `change`."""
    session = await _session(sid)
    return {"days": session.retention_days, "hold": session.hold}


async def change(sid: str, by: Actor, **kept: Unpack[Kept]) -> None:
    """Set how long a session is kept; an audit record tells who did.

    Args:
        sid: the session.
        by: who does it.
        kept: what is omitted stays as it is.

    Raises:
        InvalidMessage: the name is invalid.
        NotFound: the archive does not have the session; it has each session seconds after its first event.
        Unavailable: it is set, but the members were not told.
    """
    session = await _session(sid)
    days, hold = kept.get("days", session.retention_days), kept.get("hold", session.hold)
    if hold != session.hold:
        await set_hold(sid, by, hold=hold)
    if days != session.retention_days:
        await ArchivedSession.objects.filter(pk=session.pk).aupdate(retention_days=days)
        await record(Action.RETAINED, sid, by, days=days)


async def set_hold(sid: str, by: Actor, *, hold: bool) -> bool:
    """Put a session on legal hold or end that, and tell its members.

    Returns:
        Whether it was changed; False if it was so before.

    Raises as `change`.
    """
    session = await _session(sid)
    changed = await ArchivedSession.objects.filter(pk=session.pk).exclude(hold=hold).aupdate(hold=hold)
    if changed:
        await record(Action.HELD if hold else Action.RELEASED, sid, by)
        await report(engine(), sid, HELD if hold else RELEASED, by.name or None)
    return bool(changed)


async def _session(sid: str) -> ArchivedSession:
    check_sid(sid)
    session = await ArchivedSession.objects.filter(sid=sid).afirst()
    if session is None:
        raise NotFound("There is no session with this name, or nothing was said in it yet.", field="sid")
    return session
