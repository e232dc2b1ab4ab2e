"""Reads the events of sessions: the newest ones from the store, older ones from the archive."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from doqchat.errors import Unreadable
from doqchat.protocol import server
from doqchat.protocol.events import Gap
from doqchat.protocol.ids import BEGINNING, LAST, id_after, id_before, order
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.counts import Counts
from doqchat.store.older import Archive, Raw
from doqchat.store.script import load
from doqchat.store.shards import Shards

ANY_SIZE = 2**40
"""Bytes that no range reaches."""

KEPT_MS = 120_000
"""How long a session that a call is about to use stays in the store."""

ACTIVE_MS = 60_000
"""A session with an event since then is not idle, and stays in the store without this."""

_GAP, _RANGE = load("gap", "session", "border"), load("range", "session", "border", "read_range")
_TAIL, _LENGTH = load("tail", "session", "border"), load("length", "session")
_RESIDENCE, _KEEP = load("residence", "session", "border"), load("keep", "session")


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored event.

    Attributes:
        id: the entry's id.
        prev: the id of the previous entry in the session, `0-0` for the first.
        participant: the role of the sender.
        body: the envelope's JSON text, without `id` and `prev`.
        ours: whether doqchat certainly wrote it; an entry read from the store may be another program's.
    """

    id: str
    prev: str
    participant: str
    body: str
    ours: bool = field(default=True, compare=False)

    def wire(self) -> str:
        """The envelope as JSON, as sent to clients."""
        return (server.durable if self.ours else server.checked)(self.body, self.id, self.prev)


@dataclass(frozen=True, slots=True)
class EntryRange:
    """Consecutive entries of a session.

    Attributes:
        entries: in the requested order.
        size: their size in the store, in bytes.
        more: whether the range may have more.
    """

    entries: list[Entry]
    size: int
    more: bool


class _Recent(NamedTuple):
    """A range of a session's stream.

    Attributes:
        raw: the entries.
        size: their size in bytes.
        more: whether the stream may have more.
        earlier: the id of the event before the earliest of them.
        border: the last event that is only in the archive; None if the session is not in the store.
    """

    raw: list[Raw]
    size: int
    more: bool
    earlier: str
    border: str | None


class SessionReader:
    """Reads the events of all sessions; callers cannot tell where the archive ends. Every call may raise Unavailable.

    Args:
        shards: the servers.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(self, shards: Shards, archive: Archive | None = None) -> None:
        self._shards = shards
        self._archive = archive

    def server(self, sid: str) -> str:
        """The URL of the session's server."""
        return self._shards.of(sid).url

    def counts(self, sid: str) -> Counts:
        """Counts what clients do on the session's server."""
        return self._shards.of(sid).counts

    async def read(self, sid: str, after: str = BEGINNING, count: int = 100) -> list[Entry]:
        """The entries after an id, oldest first."""
        return (await self.read_range(sid, after, count=count, size=ANY_SIZE)).entries

    async def read_back(self, sid: str, before: str | None = None, count: int = 100) -> list[Entry]:
        """The entries before an id, newest first; None for the end of the session."""
        return (await self.read_range(sid, before=before, count=count, size=ANY_SIZE, newest_first=True)).entries

    async def read_range(
        self,
        sid: str,
        after: str = BEGINNING,
        before: str | None = None,
        *,
        count: int,
        size: int,
        newest_first: bool = False,
    ) -> EntryRange:
        """The first or last entries between two ids.

        Args:
            sid: the session.
            after, before: exclusive bounds; a `before` of None is the end of the session.
            count: maximum number of entries.
            size: bytes after which reading stops; the last entries may exceed it.
            newest_first: whether to read backwards from the end.
        """
        if before == BEGINNING or after == LAST:
            return EntryRange([], 0, more=False)
        recent = await self._recent(sid, after, before, count=count, size=size, newest_first=newest_first)
        if self._archive is None or (recent.border is not None and order(after) >= order(recent.border)):
            return _range(recent.raw, recent.earlier, recent.size, more=recent.more, newest_first=newest_first)
        read = self._read_backwards if newest_first else self._read_forwards
        return await read(self._archive, sid, after, before, recent, count=count, size=size)

    async def get(self, sid: str, entry_id: str) -> Entry | None:
        """One entry, or None if the session has no entry with this id."""
        if entry_id == BEGINNING:
            return None
        found = await self.read_range(sid, id_before(entry_id), id_after(entry_id), count=1, size=ANY_SIZE)
        return found.entries[0] if found.entries and found.entries[0].id == entry_id else None

    async def gap(self, sid: str, since: str) -> Gap | None:
        """Whether events after an id are missing, because they were removed or the stream has not reached the id.

        After a trim by another program the store does not know the last removed id, so a client that had read exactly
        up to it also gets a gap.
        """
        if since == BEGINNING:
            return None
        known = await self._shards.of(sid).pipeline.run(_GAP, [keys.stream(sid)])
        border = known[4] if known else None
        if self._archive is not None and (border is None or order(since) < order(border)):
            return await _gap_in_archive(self._archive, sid, since, border)
        if not known:
            return Gap(since=since, oldest_id=None)
        kept, added, removed, last, _, *oldest = known
        first = oldest[0] if oldest else None
        missing = _is_missing(since, removed, last, first, trimmed=added > kept)
        return Gap(since=since, oldest_id=first) if missing else None

    async def tail(self, sid: str) -> str:
        """The id of the last entry, or `0-0`; also `0-0` for a session that has left the store, see `resume`."""
        last, _ = await self._shards.of(sid).pipeline.run(_TAIL, [keys.stream(sid)])
        return str(last)

    async def length(self, sid: str) -> int:
        """The number of events in the session."""
        length, there = await self._shards.of(sid).pipeline.run(_LENGTH, [keys.stream(sid)])
        if there or self._archive is None:
            return int(length)
        known = await self._archive.known(sid)
        return known.events if known is not None else 0

    async def lengths(self, sids: Sequence[str]) -> dict[str, tuple[int, bool] | None]:
        """The number of events in each session, and whether it is in the store; None for unreadable ones.

        One batch of commands and one query, however many sessions these are.
        """
        found = dict(zip(sids, await asyncio.gather(*map(self._length, sids)), strict=True))
        absent = [sid for sid, known in found.items() if known is not None and not known[1]]
        if absent and self._archive is not None:
            found |= {sid: (events, False) for sid, events in (await self._archive.numbers(absent)).items()}
        return found

    async def _length(self, sid: str) -> tuple[int, bool] | None:
        try:
            length, there = await self._shards.of(sid).pipeline.run(_LENGTH, [keys.stream(sid)])
        except Unreadable:
            return None
        return int(length), bool(there)

    async def resume(self, sid: str) -> bool:
        """Bring a session that has left the store back to it; False if the archive does not know it."""
        return self._archive is not None and await self._archive.resume(sid)

    async def keep(self, sid: str) -> None:
        """Keep a session in the store for KEPT_MS, or bring it back, before a call that uses its state."""
        if self._archive is None:
            return
        state = await self._residence(sid)
        if state == "idle" and not await self._shards.of(sid).pipeline.run(_KEEP, [keys.stream(sid)], kept_ms=KEPT_MS):
            state = "absent"
        if state == "absent":
            await self._archive.resume(sid)

    async def _residence(self, sid: str) -> str:
        """Whether a session is `active` or `idle` in the store, or `absent` from it."""
        return str(await self._shards.of(sid).pipeline.run(_RESIDENCE, [keys.stream(sid)], active_ms=ACTIVE_MS))

    async def _recent(
        self, sid: str, after: str, before: str | None, *, count: int, size: int, newest_first: bool
    ) -> _Recent:
        """A range of the stream; nothing if it is read forwards and begins in the archive."""
        oldest, newest = f"({after}", f"({before}" if before else "+"
        command, begins, ends = ("XREVRANGE", newest, oldest) if newest_first else ("XRANGE", oldest, newest)
        given: dict[str, Any] = {"command": command, "begins": begins, "ends": ends, "count": count, "bytes": size}
        if self._archive is not None and not newest_first:
            given["after"] = after
        raw, read, more, earlier, border = await self._shards.of(sid).reads.run(_RANGE, [keys.stream(sid)], **given)
        return _Recent(raw, read, bool(more), earlier, border or None)

    async def _read_forwards(
        self, archive: Archive, sid: str, after: str, before: str | None, recent: _Recent, *, count: int, size: int
    ) -> EntryRange:
        border = recent.border
        older = await archive.read(sid, after, before, border, count=count, size=size, newest_first=False)
        found = _range(older.raw, older.earlier or BEGINNING, older.size, more=older.more, newest_first=False)
        room, left = count - len(older.raw), size - older.size
        if older.more or border is None:
            return found
        if room <= 0 or left <= 0:
            return EntryRange(found.entries, found.size, more=True)
        newer = await self.read_range(sid, border, before, count=room, size=left)
        return EntryRange(found.entries + newer.entries, found.size + newer.size, more=newer.more)

    async def _read_backwards(
        self, archive: Archive, sid: str, after: str, before: str | None, recent: _Recent, *, count: int, size: int
    ) -> EntryRange:
        if recent.more:
            return _range(recent.raw, recent.earlier, recent.size, more=True, newest_first=True)
        room, left = count - len(recent.raw), size - recent.size
        if room <= 0 or left <= 0:
            return _range(recent.raw, recent.earlier, recent.size, more=True, newest_first=True)
        older = await archive.read(sid, after, before, recent.border, count=room, size=left, newest_first=True)
        earlier = older.earlier or BEGINNING if older.raw else recent.earlier
        return _range(recent.raw + older.raw, earlier, recent.size + older.size, more=older.more, newest_first=True)


async def _gap_in_archive(archive: Archive, sid: str, since: str, border: str | None) -> Gap | None:
    """Whether events after an id before the border are missing; retention removes them from the archive.

    Args:
        archive: the archive.
        sid: the session.
        since: the id.
        border: the last event that is only in the archive; None if the session is not in the store.
    """
    known = await archive.known(sid)
    if known is None:
        return Gap(since=since, oldest_id=None)
    reached = border is not None or order(since) <= order(known.copied)
    if reached and order(since) >= order(known.retained_after):
        return None
    return Gap(since=since, oldest_id=await archive.first_id(sid))


def _is_missing(since: str, removed: str, last: str, oldest: str | None, *, trimmed: bool) -> bool:
    """Whether events after an id were removed by XDEL or XTRIM, or the stream has not reached the id.

    The stream records the highest id removed by XDEL; after XTRIM only the number of added entries shows the removal.
    """
    if since == last:
        return False
    if not order(removed) <= order(since) < order(last):
        return True
    before_all = oldest is None or order(since) < order(oldest)
    return before_all and since != removed and trimmed


def _range(raw: Sequence[Raw], earlier: str, size: int, *, more: bool, newest_first: bool) -> EntryRange:
    """The range of some entries, in their order; `earlier` is the id before the earliest of them."""
    entries = _chained(raw[::-1], earlier)[::-1] if newest_first else _chained(raw, earlier)
    return EntryRange(entries, size, more)


def _chained(raw: Sequence[Raw], prev: str) -> list[Entry]:
    entries = []
    for entry_id, flat in raw:
        fields = dict(pairs(flat))
        entries.append(Entry(entry_id, prev, fields.get("participant", ""), fields.get("body", ""), ours=False))
        prev = entry_id
    return entries
