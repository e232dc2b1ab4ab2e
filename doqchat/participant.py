"""One connection's part in a session: joining, what its frames do, leaving."""

import asyncio
import uuid
from collections.abc import Callable

from doqchat.engine import Engine
from doqchat.fanout.live import LiveSession
from doqchat.fanout.member import Member, Write, WriteNow
from doqchat.ingress import submit
from doqchat.protocol import server
from doqchat.protocol.events import ChatAck, Gap, Ping, Pong, SessionSync, SessionWelcome
from doqchat.protocol.frames import Frame
from doqchat.protocol.names import Profile, Role
from doqchat.store.snapshot import Snapshot
from doqchat.store.stream import Appended


class Participant:
    """Joins one session on behalf of one connection.

    Args:
        engine: the engine of the running loop.
        sid: the session.
        role: who the connection speaks as when a frame does not say.
        profile: how much of the protocol the client understands.
        write: sends one text frame; may wait for the client to read.
        on_drop: called with a close code when the connection is to be closed.
        write_now: as for Member.
    """

    def __init__(
        self,
        engine: Engine,
        sid: str,
        role: Role,
        profile: Profile,
        write: Write,
        on_drop: Callable[[int], None],
        write_now: WriteNow | None = None,
    ) -> None:
        connection = f"{role}:{uuid.uuid4().hex}"
        self.member = Member(
            write, connection=connection, role=role, profile=profile, on_drop=on_drop, write_now=write_now
        )
        self._engine = engine
        self._sid = sid
        self._session: LiveSession | None = None
        self._whole = False  # whether a welcome has promised that nothing is missing

    async def enter(self, since: str | None) -> str | None:
        """Become a member, to whom nothing is written before `begin`; the welcome, for clients that get one.

        Args:
            since: replay what came after this id; None goes live from here on.

        Raises:
            Unavailable: the store cannot be reached.
        """
        session = self._session = await self._engine.hub.enter(self._sid, self.member)
        if since is None:
            session.go_live(self.member)
        if not self.member.full:
            await self._engine.presence.here(self._sid, [self.member.connection])
            return None
        last_id = session.last
        arrival = session.signals.arrive(self.member, self._engine.snapshots.take(self._sid, self.member.connection))
        snapshot, gap = await asyncio.gather(arrival, self._gap(since))
        self._whole = gap is None
        return self._welcome(last_id, snapshot, gap)

    def _welcome(self, last_id: str, snapshot: Snapshot, gap: Gap | None) -> str:
        welcome = SessionWelcome(
            sid=self._sid,
            role=self.member.role,
            last_id=last_id,
            members=snapshot.members,
            read=snapshot.read,
            replies=snapshot.replies,
            gap=gap,
        )
        return server.ephemeral(self._sid, welcome)

    async def _gap(self, since: str | None) -> Gap | None:
        return None if since is None else await self._engine.stream.gap(self._sid, since)

    def begin(self, welcome: str | None, since: str | None) -> None:
        """Let frames out: the welcome, what happened meanwhile, and what came after `since`."""
        self.member.release(welcome)
        if since is not None and self._session is not None:
            self._session.replay(self.member, since, whole=self._whole)

    async def take(self, frame: Frame) -> None:
        """Do what a valid frame asks for; raises DoqchatError when that cannot be."""
        if isinstance(frame.body, Ping):
            self.member.push(server.plain(self._sid, Pong.event, frame.bd))
        elif isinstance(frame.body, SessionSync):
            await self._sync(frame.body.since)
        elif appended := await submit(self._engine, self._sid, frame, self.member.connection):
            self._acknowledge(frame, appended)

    async def leave(self) -> None:
        """End the membership; does nothing when there is none."""
        if self._session is not None:
            session, self._session = self._session, None
            await self._engine.hub.leave(session, self.member)

    def _acknowledge(self, frame: Frame, appended: Appended) -> None:
        if frame.msg_id and self.member.full:
            ack = ChatAck(msg_id=frame.msg_id, id=appended.id, duplicate=appended.duplicate)
            self.member.push(server.ephemeral(self._sid, ack))

    async def _sync(self, since: str) -> None:
        """As on connect: a welcome, which tells of a gap and of the replies under way, then the replay."""
        if self._session is None:
            return
        if self.member.full:
            last_id = self._session.last
            snapshot, gap = await asyncio.gather(self._engine.snapshots.take(self._sid), self._gap(since))
            self._whole = gap is None
            self.member.push(self._welcome(last_id, snapshot, gap))
        self._session.replay(self.member, since, whole=self._whole)
