"""The archiver: copies events to the archive, and removes from the store what is older than the live window.

One process archives each server. It copies the events of active sessions within seconds, many sessions in one
transaction. The border in a session's keys is the last event that is only in the archive. The archive may be ahead of
it, but never behind: a script moves the border and removes the events atomically, after the transaction. So a process
may die at any moment: copying is idempotent, and readers take from each side what is on its side of the border.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from doqchat.archive import records, writing
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.archive.writing import Batch
from doqchat.conf import ArchiveSettings
from doqchat.errors import DoqchatError, Unreadable
from doqchat.protocol.ids import BEGINNING, order, position
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.store.stream import CLAIM_SECONDS

log = logging.getLogger(__name__)

PASS_SECONDS = 1.0
KEPT_MS = 3_000
"""Expiry of the archiver's lock, after which another process takes over, and nothing is removed from the store."""

RENEWED_SECONDS = 1.0
"""Interval at which the lock is renewed, also while the database is slow."""

OVERLAP_SECONDS = 30.0
"""Sessions with an activity since this before the last pass are read again: processes record it with a delay."""

SLACK = 1.2
"""Events leave a session's stream when it has so many times as many as its live window: many at once are cheaper."""

ALL_SECONDS = 600.0
"""Interval at which all sessions in the store are checked, for the age of their events and for lost activity."""

IDLE_CHECK_SECONDS = 30.0
"""Interval at which idle sessions are checked."""

ENTRIES, BYTES = 500, 2**18
"""Size of a read, after which other commands have their turn."""

MOST_EXPIRED = 2_000
"""Maximum number of events that one transaction deletes."""

MOST_TRIMMED = 5_000
"""Maximum number of events that leave a session's stream at once: this blocks the store for about a millisecond."""

AT_ONCE = 50
"""Sessions in one transaction."""

_TAKE = load("sweep_take")
_COPY = load("copy", "session", "border", "read_range")
_TRIM, _LEAVE = load("trim", "session", "border"), load("leave", "session", "border", "state")
_EXPIRED = load("retention_expired", "session")
_STATE = load("session_state", "session", "state")


class _Copied:
    """How far a session is copied, and what its last read has returned.

    Attributes:
        last: the last id in the archive.
        changes: the number of changed entries when all events up to `last` were copied.
        cursor: the id after which the next read begins: before `last` while changed events are copied again.
        changes_read: the number of changed entries when this began.
        whole: whether the last read has reached the end of the stream.
        border: the last event that is only in the archive.
        length: number of entries in the stream.
    """

    __slots__ = ("border", "changes", "changes_read", "cursor", "last", "length", "whole")

    def __init__(self, last: str, changes: int) -> None:
        self.last = self.cursor = last
        self.changes = self.changes_read = changes
        self.border, self.length, self.whole = BEGINNING, 0, False


class Archiver:
    """Archives the sessions of one server, unless another process does.

    Args:
        shard: the server.
        settings: when events leave the store.
        owns: whether a session is on the server.
    """

    def __init__(self, shard: Shard, settings: ArchiveSettings, owns: Callable[[str], bool]) -> None:
        self._shard = shard
        self._settings = settings
        self._owns = owns
        self._name = uuid.uuid4().hex
        self._database = DatabaseThreads(1, durable=True)
        self._copied: dict[str, _Copied] = {}
        self._warned: set[str] = set()
        self._idle_seconds = None if settings.idle_minutes is None else settings.idle_minutes * 60
        live = None if settings.live_hours is None else settings.live_hours / 24
        self._live_days = min((days for days in (live, settings.retention_days) if days is not None), default=None)
        self._read_since = self._all_at = self._idle_at = 0.0
        self._deadline = 0

    async def close(self) -> None:
        """Release the lock, and close the connection to the database."""
        with suppress(DoqchatError):
            await self._release_lock()
        await self._database.close()

    async def prepare(self) -> None:
        """Discard what was read before an outage; the first pass checks all sessions."""
        self._copied.clear()
        self._read_since = self._all_at = self._idle_at = 0.0

    async def run_once(self) -> None:
        """One pass; raises DoqchatError."""
        now = await self._hold_lock()
        if not now:
            await self.prepare()
            return
        renewing = asyncio.create_task(self._renew_lock())
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
            if not await self.copy(chunk):
                return
            await asyncio.gather(*(self._shrink(sid, sids[sid], now, by_age=everything) for sid in chunk))
        await self._shard.pipeline.execute("SET", keys.ARCHIVED_AT, now)
        if everything:
            await self._expire(now)

    async def empty(self, sid: str) -> None:
        """Copy all events of a session, and remove them from the store, whether or not another process archives it."""
        while True:
            self._copied.pop(sid, None)
            await self.copy([sid])
            copied = self._copied.get(sid)
            if copied is None or (copied.length == 0 and copied.whole):
                return
            through = await self._database.run(
                records.cut, sid, keep=0, live_days=None, now=0, border=copied.border, most=MOST_TRIMMED
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
            await self.copy(sids[first : first + AT_ONCE])

    async def _hold_lock(self) -> int:
        """The store's clock in ms if this process archives the server, otherwise 0."""
        if await self._shard.pipeline.execute("EXISTS", keys.ARCHIVER_PAUSED):
            await self._release_lock()
            return 0
        return await self._take_lock()

    async def _take_lock(self) -> int:
        now = int(await self._shard.pipeline.run(_TAKE, [keys.ARCHIVER], name=self._name, ms=KEPT_MS))
        self._deadline = now + KEPT_MS
        return now

    async def _renew_lock(self) -> None:
        """Renew the lock until cancelled, so that its expiry can be short: it shows that this process is alive."""
        while True:
            await asyncio.sleep(RENEWED_SECONDS)
            with suppress(DoqchatError):
                await self._take_lock()

    async def _release_lock(self) -> None:
        if await self._shard.pipeline.execute("GET", keys.ARCHIVER) == self._name:
            await self._shard.pipeline.execute("DEL", keys.ARCHIVER)

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
                await self._shard.reads.execute("ZADD", keys.SESSIONS, "NX", moment, key.removeprefix(keys.stream("")))
            if cursor in ("0", 0):
                return

    async def copy(self, sids: list[str]) -> bool:
        """Copy the new and the changed events of some sessions; False if another process has taken the lock meanwhile.

        A process without the lock may copy as well: each writes the same.
        """
        waiting = sids
        while waiting:
            batches = [batch for batch in await asyncio.gather(*map(self._read, waiting)) if batch is not None]
            new = [batch for batch in batches if batch.entries or batch.changes != self._copied[batch.sid].changes]
            if new:
                await self._database.run(writing.write, new)
            for batch in new:
                copied = self._copied[batch.sid]
                copied.changes = batch.changes
                if batch.entries:
                    copied.cursor = batch.entries[-1][0]
                    copied.last = max(copied.last, copied.cursor, key=order)
            waiting = [batch.sid for batch in new if not self._copied[batch.sid].whole]
            if self._deadline and not await self._hold_lock():
                return False
        return True

    async def _read(self, sid: str) -> Batch | None:
        """The next events of a session; None if it is not in the store.

        After a change of entries it begins with the first one in the store. The archive records the change with the
        last batch, so that copying begins again if the process dies before.
        """
        copied = self._copied.get(sid) or await self._recall(sid)
        try:
            found = await self._copy_from(sid, copied)
            if found and found[2] != copied.changes_read:
                copied.cursor, copied.changes_read = BEGINNING, found[2]
                found = await self._copy_from(sid, copied)
        except Unreadable:
            self._warn(sid, "its keys have the wrong type")
            found = None
        if not found:
            self._copied.pop(sid, None)
            return None
        raw, more, changes, copied.length, copied.border = found
        entries = [(entry_id, *_fields(flat)) for entry_id, flat in raw if position(entry_id) is not None]
        if len(entries) < len(raw):
            self._warn(sid, "other programs have written ids that do not fit")
        copied.whole = not more or len(entries) < len(raw)
        return Batch(sid, entries, changes if copied.whole and changes == copied.changes_read else copied.changes)

    def _warn(self, sid: str, why: str) -> None:
        """Log once that a session, or a part of it, cannot be archived."""
        if sid not in self._warned:
            self._warned.add(sid)
            log.warning("Session %s stays in the store: %s.", sid, why)

    async def _copy_from(self, sid: str, copied: _Copied) -> Any:
        return await self._shard.reads.run(_COPY, [keys.stream(sid)], after=copied.cursor, count=ENTRIES, bytes=BYTES)

    async def _recall(self, sid: str) -> _Copied:
        known = await self._database.run(records.known, sid)
        copied = _Copied(known.copied, known.changes) if known is not None else _Copied(BEGINNING, 0)
        self._copied[sid] = copied
        return copied

    async def _shrink(self, sid: str, active: float, now: int, *, by_age: bool) -> None:
        """Remove old events from the store, or the whole session."""
        try:
            await self._shrink_readable(sid, active, now, by_age=by_age)
        except Unreadable:
            self._warn(sid, "its keys have the wrong type")

    async def _shrink_readable(self, sid: str, active: float, now: int, *, by_age: bool) -> None:
        copied = self._copied.get(sid)
        if copied is None:
            if now - active * 1000 > CLAIM_SECONDS * 1000:  # a session without events
                self._shard.hints.done(keys.SESSIONS, sid, active)
        elif await self._leave(sid, copied, active, now):
            self._shard.hints.done(keys.SESSIONS, sid, active)
            self._copied.pop(sid, None)
        elif by_age or copied.length > self._settings.live_events * SLACK:
            await self._trim(sid, copied, now, by_age=by_age)

    async def _expire(self, now: int) -> None:
        """Delete the events that retention does not keep, of all sessions of this server."""
        days = self._settings.retention_days
        for sid, older_than in await self._database.run(records.expired, now, days):
            if not self._owns(sid):
                continue
            copied = self._copied.get(sid)  # of a session in the store
            border = None if copied is None else copied.border
            while deleted := await self._database.run(writing.expire, sid, older_than, border, MOST_EXPIRED):
                first = await self._database.run(records.first_id, sid)
                gone = first is None or (border is not None and order(first) > order(border))
                await self._shard.pipeline.run(_EXPIRED, [keys.stream(sid)], events=deleted, all=gone)
                if not await self._hold_lock():
                    return

    async def _trim(self, sid: str, copied: _Copied, now: int, *, by_age: bool) -> None:
        """Remove the events from the stream that are older than the live window, MOST_TRIMMED at a time."""
        live_days = self._live_days if by_age else None
        removed = MOST_TRIMMED
        while removed >= MOST_TRIMMED:
            through = await self._database.run(
                records.cut,
                sid,
                keep=self._settings.live_events,
                live_days=live_days,
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
                deadline=self._deadline,
            )
            copied.border = through if removed >= 0 else copied.border

    async def _leave(self, sid: str, copied: _Copied, active: float, now: int) -> bool:
        """Delete an idle session from the store, with everything that it has there in the archive."""
        idle = self._idle_seconds
        if idle is None or now - max(active * 1000, order(copied.last)[0]) < idle * 1000:
            return False
        stream = keys.stream(sid)
        given: dict[str, Any] = {
            "last": copied.last,
            "changes": copied.changes,
            "idle_ms": int(idle * 1000),
            "deadline": self._deadline,
        }
        if not await self._shard.pipeline.run(_LEAVE, [stream], **given):
            return False
        recent = await self._database.run(records.said_since, sid, f"{max(now - CLAIM_SECONDS * 1000, 0)}-0")
        used = [stream, *_claims(sid, recent)]
        state = await self._shard.pipeline.run(_STATE, used)
        await self._database.run(records.leave, sid, state)
        return bool(await self._shard.pipeline.run(_LEAVE, used, state=state, **given))


def _fields(flat: list[str]) -> tuple[str, str]:
    fields = dict(pairs(flat))
    return fields.get("participant", ""), fields.get("body", "")


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
