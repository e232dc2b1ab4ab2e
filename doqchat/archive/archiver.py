"""The archiver: copies events to the archive, and removes from the store what is older than the live window.

One process archives each server. It copies the events of active sessions within seconds, many sessions in one
transaction. The border in a session's keys is the last event that is only in the archive. The archive may be ahead of
it, but never behind: a script moves the border and removes the events atomically, after the transaction. So a process
may die at any moment: copying is idempotent, and readers take from each side what is on its side of the border.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from doqchat.archive import records, writing
from doqchat.archive.copying import Copied, Copier
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.archive.lock import ArchiverLock
from doqchat.conf import ArchiveSettings
from doqchat.errors import DoqchatError, Unreadable
from doqchat.protocol.ids import BEGINNING, order
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.store.stream import CLAIM_SECONDS

PASS_SECONDS = 1.0
OVERLAP_SECONDS = 30.0
"""Sessions with an activity since this before the last pass are read again: processes record it with a delay."""

SLACK = 1.2
"""Events leave a session's stream when it has so many times as many as its live window: many at once are cheaper."""

ALL_SECONDS = 600.0
"""Interval at which all sessions in the store are checked, for the age of their events and for lost activity."""

IDLE_CHECK_SECONDS = 30.0
"""Interval at which idle sessions are checked."""

MOST_EXPIRED = 2_000
"""Maximum number of events that one transaction deletes."""

MOST_TRIMMED = 5_000
"""Maximum number of events that leave a session's stream at once: this blocks the store for about a millisecond."""

AT_ONCE = 50
"""Sessions in one transaction."""

_TRIM, _LEAVE = load("trim", "session", "border"), load("leave", "session", "border", "state")
_EXPIRED = load("retention_expired", "session")
_STATE = load("session_state", "session", "state")
_SET, _HINT = load("set"), load("hint")


class Archiver:
    """Archives the sessions of one server, unless another process does.

    Args:
        shard: the server.
        settings: when events leave the store.
        owns: whether a session is on the server.

    Attributes:
        lock: held by the process that archives the server.
        copier: copies events to the archive.
    """

    def __init__(self, shard: Shard, settings: ArchiveSettings, owns: Callable[[str], bool]) -> None:
        self._shard = shard
        self._settings = settings
        self._owns = owns
        self.lock = ArchiverLock(shard)
        self._database = DatabaseThreads(1, durable=True)
        self.copier = Copier(shard, self._database)
        self._idle_seconds = None if settings.idle_minutes is None else settings.idle_minutes * 60
        live = None if settings.live_hours is None else settings.live_hours / 24
        self._live_days = min((days for days in (live, settings.retention_days) if days is not None), default=None)
        self._read_since = self._all_at = self._idle_at = 0.0
        self._recounted = False

    async def close(self) -> None:
        """Release the lock, and close the connection to the database."""
        with suppress(DoqchatError):
            await self.lock.release()
        await self._database.close()

    async def prepare(self) -> None:
        """Discard what was read before an outage; the first pass checks all sessions."""
        self.copier.clear()
        self._read_since = self._all_at = self._idle_at = 0.0
        self._recounted = False

    async def run_once(self) -> None:
        """One pass; raises DoqchatError."""
        now = await self.lock.hold()
        if not now:
            await self.prepare()
            return
        renewing = asyncio.create_task(self.lock.renew())
        try:
            await self._archive(now)
        finally:
            renewing.cancel()

    async def _archive(self, now: int) -> None:
        """Copy the events of active sessions, and remove what can leave the store."""
        moment = now / 1000
        sids = await self._indexed(str(self._read_since), "+inf")
        if everything := moment - self._all_at >= ALL_SECONDS:
            await self._index_all(moment)
            sids, self._all_at = await self._indexed("-inf", "+inf"), moment
        elif self._idle_seconds is not None and moment - self._idle_at >= min(IDLE_CHECK_SECONDS, self._idle_seconds):
            sids |= await self._indexed("-inf", str(moment - self._idle_seconds))
            self._idle_at = moment
        self._read_since = moment - OVERLAP_SECONDS
        for first in range(0, len(sids), AT_ONCE):
            chunk = list(sids)[first : first + AT_ONCE]
            if not await self.copier.copy(chunk, self.lock.hold):
                return
            await asyncio.gather(*(self._shrink(sid, sids[sid], now, by_age=everything) for sid in chunk))
        await self._shard.pipeline.run(_SET, [keys.ARCHIVED_AT], value=str(now))
        if everything:
            await self._expire(now)

    async def empty(self, sid: str) -> None:
        """Copy all events of a session, and remove them from the store, whether or not another process archives it."""
        while True:
            self.copier.forget(sid)
            await self.copier.copy([sid])
            copied = self.copier.get(sid)
            if copied is None or (copied.length == 0 and copied.whole):
                return
            through = await self._database.run(
                records.cut,
                sid,
                keep=0,
                by_age=False,
                live_days=None,
                now=0,
                border=copied.border,
                most=MOST_TRIMMED,
            )
            if through is None:
                return
            await self._shard.pipeline.run(
                _TRIM, [keys.stream(sid)], through=through, border=copied.border, changes=copied.changes
            )

    async def copy_all(self) -> None:
        """Copy all events of all sessions in the store."""
        sids = list(await self._indexed("-inf", "+inf"))
        for first in range(0, len(sids), AT_ONCE):
            await self.copier.copy(sids[first : first + AT_ONCE])

    async def _indexed(self, first: str, last: str) -> dict[str, float]:
        """Sessions with their last activity, by that."""
        flat = await self._shard.reads.execute("ZRANGEBYSCORE", keys.SESSIONS, first, last, "WITHSCORES")
        return {sid: float(score) for sid, score in pairs(flat) if is_sid(sid)}

    async def _index_all(self, moment: float) -> None:
        """Add the sessions that are missing in the index, which is a hint."""
        cursor = "0"
        while True:
            cursor, found = await self._shard.reads.execute(
                "SCAN", cursor, "MATCH", keys.stream("*"), "COUNT", 1_000, "TYPE", "stream"
            )
            for key in found:
                sid = key.removeprefix(keys.stream(""))
                await self._shard.reads.run(_HINT, [keys.SESSIONS], member=sid, score=moment, keep=True)
            if cursor in ("0", 0):
                return

    async def _shrink(self, sid: str, active: float, now: int, *, by_age: bool) -> None:
        """Remove old events from the store, or the whole session."""
        try:
            await self._shrink_readable(sid, active, now, by_age=by_age)
        except Unreadable:
            self.copier.warn(sid, "its keys have the wrong type")

    async def _shrink_readable(self, sid: str, active: float, now: int, *, by_age: bool) -> None:
        copied = self.copier.get(sid)
        if copied is None:
            if now - active * 1000 > CLAIM_SECONDS * 1000:  # a session without events
                self._shard.hints.done(keys.SESSIONS, sid, active)
        elif await self._leave(sid, copied, active, now):
            self._shard.hints.done(keys.SESSIONS, sid, active)
            self.copier.forget(sid)
        elif by_age or copied.length > self._settings.live_events * SLACK:
            await self._trim(sid, copied, now, by_age=by_age)

    async def _expire(self, now: int) -> None:
        """Delete the events that retention does not keep, of all sessions of this server."""
        days = self._settings.retention_days
        if not self._recounted:
            for sid in await self._database.run(records.shortened):
                await self._record_expired(sid)
            self._recounted = True
        for sid, older_than in await self._database.run(records.expired, now, days):
            if not self._owns(sid):
                continue
            copied = self.copier.get(sid)  # of a session in the store
            border = None if copied is None else copied.border
            while await self._database.run(writing.expire, sid, older_than, border, MOST_EXPIRED):
                await self._record_expired(sid)
                if not await self.lock.hold():
                    return

    async def _record_expired(self, sid: str) -> None:
        """Record in the store what retention has left of a session; another process may have died before it did so."""
        copied = self.copier.get(sid)
        if copied is not None and copied.border != BEGINNING:
            events = (await self._database.run(records.counts, sid, copied.border)).total()
            await self._shard.pipeline.run(_EXPIRED, [keys.stream(sid)], border=copied.border, events=events)

    async def _trim(self, sid: str, copied: Copied, now: int, *, by_age: bool) -> None:
        """Remove the events from the stream that are older than the live window, MOST_TRIMMED at a time."""
        removed = MOST_TRIMMED
        while removed >= MOST_TRIMMED:
            through = await self._database.run(
                records.cut,
                sid,
                keep=self._settings.live_events,
                by_age=by_age,
                live_days=self._live_days,
                now=now,
                border=copied.border,
                most=MOST_TRIMMED,
            )
            if through is None:
                return
            removed = await self._shard.pipeline.run(
                _TRIM,
                [keys.stream(sid)],
                through=through,
                border=copied.border,
                changes=copied.changes,
                deadline=self.lock.deadline,
            )
            copied.border = through if removed >= 0 else copied.border

    async def _leave(self, sid: str, copied: Copied, active: float, now: int) -> bool:
        """Delete an idle session from the store, with everything that it has there in the archive."""
        idle = self._idle_seconds
        if idle is None or now - max(active * 1000, order(copied.last)[0]) < idle * 1000:
            return False
        stream = keys.stream(sid)
        given: dict[str, Any] = {
            "last": copied.last,
            "changes": copied.changes,
            "idle_ms": int(idle * 1000),
            "deadline": self.lock.deadline,
        }
        if not await self._shard.pipeline.run(_LEAVE, [stream], **given):
            return False
        recent = await self._database.run(records.said_since, sid, f"{max(now - CLAIM_SECONDS * 1000, 0)}-0")
        used = [stream, *_claims(sid, recent)]
        state = await self._shard.pipeline.run(_STATE, used)
        await self._database.run(records.leave, sid, state)
        return bool(await self._shard.pipeline.run(_LEAVE, used, state=state, **given))


def _claims(sid: str, said: list[tuple[str, str]]) -> list[str]:
    """The idempotency keys of some events."""
    return [keys.claim(sid, role, msg_id) for role, body in said if (msg_id := _msg_id(body)) is not None]


def _msg_id(body: str) -> str | None:
    try:
        envelope: Any = from_json(body)
        msg_id = envelope["hd"]["msg_id"]
    except (ValueError, KeyError, TypeError):
        return None
    return msg_id if isinstance(msg_id, str) else None
