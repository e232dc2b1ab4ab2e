"""Copies the events of sessions from the store to the archive. Copying is idempotent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from doqchat.archive import records, writing
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.archive.writing import Batch
from doqchat.errors import Unreadable
from doqchat.protocol.ids import BEGINNING, order, position
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

ENTRIES, BYTES = 500, 2**18
"""Size of a read, after which other commands have their turn."""

Hold = Callable[[], Awaitable[int]]
"""See `ArchiverLock.hold`."""

_COPY = load("copy", "session", "border", "read_range")


class Copied:
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


class Copier:
    """Copies, and knows how far the sessions are copied.

    Args:
        shard: the server of the sessions.
        database: threads that write to the archive.
    """

    def __init__(self, shard: Shard, database: DatabaseThreads) -> None:
        self._shard = shard
        self._database = database
        self._copied: dict[str, Copied] = {}
        self._warned: set[str] = set()

    def get(self, sid: str) -> Copied | None:
        """How far a session is copied; None if it is not in the store, or was not copied yet."""
        return self._copied.get(sid)

    def forget(self, sid: str) -> None:
        """Discard what is known of a session."""
        self._copied.pop(sid, None)

    def clear(self) -> None:
        """Discard what is known of all sessions."""
        self._copied.clear()

    async def copy(self, sids: list[str], hold: Hold | None = None) -> bool:
        """Copy the new and the changed events of some sessions; False if another process has taken the lock meanwhile.

        Args:
            sids: the sessions.
            hold: renews the archiver's lock after each transaction. A process without the lock may copy as well: each
                writes the same.
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
            if hold is not None and not await hold():
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
            self.warn(sid, "its keys have the wrong type")
            found = None
        if not found:
            self._copied.pop(sid, None)
            return None
        raw, more, changes, copied.length, copied.border = found
        entries = [(entry_id, *_fields(flat)) for entry_id, flat in raw if position(entry_id) is not None]
        if len(entries) < len(raw):
            self.warn(sid, "other programs have written ids that do not fit")
        copied.whole = not more or len(entries) < len(raw)
        return Batch(sid, entries, changes if copied.whole and changes == copied.changes_read else copied.changes)

    def warn(self, sid: str, why: str) -> None:
        """Log once that a session, or a part of it, cannot be archived."""
        if sid not in self._warned:
            self._warned.add(sid)
            log.warning("Session %s stays in the store: %s.", sid, why)

    async def _copy_from(self, sid: str, copied: Copied) -> Any:
        return await self._shard.reads.run(_COPY, [keys.stream(sid)], after=copied.cursor, count=ENTRIES, bytes=BYTES)

    async def _recall(self, sid: str) -> Copied:
        known = await self._database.run(records.known, sid)
        copied = Copied(known.copied, known.changes) if known is not None else Copied(BEGINNING, 0)
        self._copied[sid] = copied
        return copied


def _fields(flat: list[str]) -> tuple[str, str]:
    fields = dict(pairs(flat))
    return fields.get("participant", ""), fields.get("body", "")
