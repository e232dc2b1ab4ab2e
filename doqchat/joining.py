"""A connection in a session: join, replay, leave."""

import asyncio
from dataclasses import dataclass

from doqchat.engine import Engine
from doqchat.errors import SessionClosed
from doqchat.fanout.expiry import watch
from doqchat.fanout.local_session import LocalSession
from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import Gap, SessionWelcome
from doqchat.protocol.ids import BEGINNING
from doqchat.signals import member_joined, member_left
from doqchat.store.moderation import CLOSED_MESSAGE
from doqchat.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Welcome:
    """The start of a membership.

    Attributes:
        text: the welcome frame; None in the basic profile.
        since: the id after which events are replayed; None for no replay.
        whole: whether the frame says that nothing after `since` is missing.
    """

    text: str | None
    since: str | None
    whole: bool = False


async def join(engine: Engine, member: Member, since: str | None) -> Welcome:
    """Join a connection to its session; nothing is sent before `begin`.

    Args:
        engine: the engine of the running loop.
        member: the connection. Every call requires a call of `leave`.
        since: replay the events after this id; None for no replay.

    Raises:
        Forbidden: its token is revoked, or its user has logged out.
        SessionClosed: a moderator has closed the session.
        RateLimited: the session has too many connections, or the address begins too many sessions.
        Unavailable: the store cannot be reached.
    """
    sid = member.principal.sid
    session = member.session = await engine.hub.enter(sid, member)
    session.revoked.check(member.principal)
    if session.closed:
        raise SessionClosed(CLOSED_MESSAGE)
    await engine.logins.follow(member)
    engine.clients.join(len(session.members))
    if session.last == BEGINNING:
        engine.clients.new_session(member.principal.address)
    if since is None:
        session.go_live(member)
    if not member.full:
        await engine.presence.add(sid, [member.presence])
        return Welcome(None, since)
    last_id = session.last
    # Awaited itself, not as a task: no event may be delivered before it has begun.
    taking = asyncio.gather(engine.snapshots.take(sid, member.presence), _gap(engine, sid, since))
    snapshot, gap = await session.ephemeral.arrive(member, taking)
    return Welcome(_text(member, last_id, snapshot, gap), since, whole=gap is None)


def begin(engine: Engine, member: Member, welcome: Welcome) -> None:
    """Start sending: the welcome, the events since the join, and the replay."""
    member.release(welcome.text)
    watch(member)
    member.joined = True
    engine.signals.post(member_joined, **_described(member))
    if welcome.since is not None and member.session is not None:
        member.session.replay(member, welcome.since, whole=welcome.whole)


async def sync(engine: Engine, session: LocalSession, member: Member, since: str) -> None:
    """Send another welcome, with any gap and the active replies, then the replay.

    Raises:
        Unavailable: the store cannot be reached.
    """
    whole = False
    if member.full:
        last_id = session.last
        snapshot, gap = await asyncio.gather(engine.snapshots.take(session.sid), _gap(engine, session.sid, since))
        whole = gap is None
        member.push(_text(member, last_id, snapshot, gap))
    session.replay(member, since, whole=whole)


async def leave(engine: Engine, member: Member) -> None:
    """Leave the session, if joined."""
    engine.logins.forget(member)
    if member.joined:
        member.joined = False
        engine.signals.post(member_left, **_described(member))
    if member.session is not None:
        session, member.session = member.session, None
        await engine.hub.leave(session, member)


def _described(member: Member) -> dict[str, str | None]:
    """The arguments of a member's signals."""
    who = member.principal
    ids = {"sid": who.sid, "connection": member.connection}
    return ids | {"role": who.role, "name": who.name, "subject": who.subject}


async def _gap(engine: Engine, sid: str, since: str | None) -> Gap | None:
    return None if since is None else await engine.stream.gap(sid, since)


def _text(member: Member, last_id: str, snapshot: Snapshot, gap: Gap | None) -> str:
    who = member.principal
    welcome = SessionWelcome(
        sid=who.sid,
        role=who.role,
        name=who.name,
        person=who.pseudonym,
        can=sorted(who.can),
        last_id=last_id,
        members=snapshot.present.members,
        people=snapshot.present.people,
        read=snapshot.read,
        replies=snapshot.replies,
        settings=snapshot.settings.visible(configure="configure" in who.can),
        gap=gap,
    )
    return server.ephemeral(who.sid, welcome)
