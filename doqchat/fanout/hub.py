"""The hub: the sessions with members in this process. Each joins its group in the channel layer once."""

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from contextvars import Context
from functools import partial

from doqchat.errors import DoqchatError
from doqchat.fanout.layer import SessionLoopLayer
from doqchat.fanout.local_session import LocalSession
from doqchat.fanout.member import Member
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store import keys
from doqchat.store.moderation import Moderation
from doqchat.store.presence import Presence
from doqchat.store.revocations import Revocations
from doqchat.store.session_index import SessionIndex
from doqchat.store.stream import SessionStream

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""Interval of renewing presence, and of checking for lost publications."""

ACTIVITY_SECONDS = 1.0
"""How soon the activity of a session is recorded, from which the archiver knows which sessions have new events.

It is also recorded when a session is opened, and when a member leaves after an event."""

RECORDED_SECONDS = 5.0
"""How long recorded activity also counts for further events: the archiver reads the session for longer than that."""

REPLAYS_AT_ONCE = 2
"""Number of replays per server that read and write a page concurrently: one writes while the other reads."""

_CHUNK = 10
_TOUCHED = 200


class Hub:
    """Joins members to sessions, and maintains the sessions.

    Args:
        layer: the channel layer of the running event loop.
        stream, presence, session_index, moderation: the store.
        revocations: the revoked tokens; None with open access.
    """

    def __init__(
        self,
        layer: SessionLoopLayer,
        stream: SessionStream,
        presence: Presence,
        session_index: SessionIndex,
        moderation: Moderation,
        revocations: Revocations | None = None,
    ) -> None:
        self._layer = layer
        self._stream = stream
        self._presence = presence
        self._session_index = session_index
        self._moderation = moderation
        self._revocations = revocations
        self._sessions: dict[str, asyncio.Task[LocalSession]] = {}
        self._users: dict[str, int] = {}
        self._replaying: defaultdict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, REPLAYS_AT_ONCE))
        self._active: set[LocalSession] = set()
        self._beating: list[asyncio.Task[None]] = []
        self._missed = asyncio.Event()

    async def enter(self, sid: str, member: Member) -> LocalSession:
        """Make a connection a member of a session; from then on it gets ephemeral events.

        It gets durable events after `go_live` or `replay` of the session. Each `enter` requires one `leave`.

        Raises:
            Unavailable: the store is unreachable; the connection is not a member.
        """
        if not self._beating:
            steps = self._run_beat(), self._record_activity()
            self._beating = [asyncio.create_task(step, context=Context()) for step in steps]
        self._users[sid] = self._users.get(sid, 0) + 1
        try:
            session = await asyncio.shield(self._opened(sid))
            session.members.add(member)
            return session
        except BaseException:
            await self._release(sid)
            raise

    def note_later(self, sid: str) -> bool:
        """Record a session's activity soon, or when a member leaves; False if it has no member here."""
        opening = self._sessions.get(sid)
        session = _result(opening) if opening is not None else None
        if session is not None:
            self._active.add(session)
        return session is not None

    async def leave(self, session: LocalSession, member: Member) -> None:
        """End a membership."""
        member.close()
        session.leave(member)
        if session in self._active:
            self._active.discard(session)
            self._session_index.note(session.sid)
        try:
            await self._presence.remove(session.sid, [member.presence])
        except DoqchatError:
            log.debug("The store is unreachable: presence in %s will expire.", session.sid)
        finally:
            await self._release(session.sid)

    def _opened(self, sid: str) -> "asyncio.Task[LocalSession]":
        opening = self._sessions.get(sid)
        if opening is None or (opening.done() and _result(opening) is None):
            opening = self._sessions[sid] = asyncio.create_task(self._open(sid))
        return opening

    async def _open(self, sid: str) -> LocalSession:
        """Join the group, then read the end of the stream, so that no event is missed between the two."""
        replaying = self._replaying[self._stream.server(sid)]
        session = LocalSession(sid, self._stream, replaying, self._missed.set, self._active)
        await self._layer.join(keys.group_name(sid), session)
        self._session_index.note(sid)  # in the same write as the commands below
        session.recorded = asyncio.get_running_loop().time()
        try:
            tail = await self._read_state(session)
            if tail == BEGINNING and await self._stream.resume(sid):
                tail = await self._read_state(session)
            session.open(tail)
        except BaseException:
            await self._layer.leave(keys.group_name(sid), session)
            raise
        return session

    async def _read_state(self, session: LocalSession) -> str:
        """Read a session's state; returns the id of its last event."""
        tail, session.closed, _ = await asyncio.gather(
            self._stream.tail(session.sid), self._moderation.is_closed(session.sid), self._read_revocations(session)
        )
        return tail

    async def _release(self, sid: str) -> None:
        self._users[sid] -= 1
        if self._users[sid] == 0:
            del self._users[sid]
            opening = self._sessions.pop(sid)
            opening.cancel()
            session = _result(opening)
            if session is not None:
                self._active.discard(session)
                session.close()
                await self._layer.leave(keys.group_name(sid), session)

    def _open_sessions(self) -> list[LocalSession]:
        return [session for session in map(_result, self._sessions.values()) if session is not None]

    async def _run_beat(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._missed.wait()  # a restarted store has lost the presence
            self._missed.clear()
            sessions = self._open_sessions()
            for start in range(0, len(sessions), _CHUNK):
                chunk = sessions[start : start + _CHUNK]
                results = await asyncio.gather(*map(self._maintain, chunk), return_exceptions=True)
                for result in results:
                    if isinstance(result, Exception) and not isinstance(result, DoqchatError):
                        log.error("Maintaining a session failed.", exc_info=result)

    async def _maintain(self, session: LocalSession) -> None:
        """Check for events and revocations whose publication was lost, renew the presence of the members, and publish
        it again if the session has received another state.
        """
        await self._read_revocations(session)
        if order(await self._stream.tail(session.sid)) > order(session.last):
            session.refill()
        present = await self._presence.add(session.sid, [member.presence for member in session.members])
        if present != session.ephemeral.present:
            await self._presence.publish(session.sid)

    async def _read_revocations(self, session: LocalSession) -> None:
        if self._revocations is not None:
            session.revoke(await self._revocations.of(session.sid))

    async def _record_activity(self) -> None:
        while True:
            await asyncio.sleep(ACTIVITY_SECONDS)
            before = asyncio.get_running_loop().time() - RECORDED_SECONDS
            active = [session for session in self._active if session.recorded < before]
            for start in range(0, len(active), _TOUCHED):
                chunk = active[start : start + _TOUCHED]
                with suppress(DoqchatError):
                    await self._session_index.touch(session.sid for session in chunk)
                    self._active.difference_update(chunk)
                    for session in chunk:
                        session.recorded = before + RECORDED_SECONDS


def _result(opening: "asyncio.Task[LocalSession]") -> LocalSession | None:
    """The session, if it was opened."""
    if opening.done() and not opening.cancelled() and opening.exception() is None:
        return opening.result()
    return None
