"""Reads whole sessions for exports, in pages, so that their length does not matter."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from doqchat.errors import NotFound, Unreadable
from doqchat.protocol.ids import BEGINNING, id_after
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.older import Archive
from doqchat.store.reader import Entry, SessionReader
from doqchat.store.settings import SessionSettings, parsed_settings
from doqchat.store.shards import Shards

AT_ONCE = 2
"""Pages of exports that are read and written concurrently; further ones wait, so that exports delay others little."""

TURN_SECONDS = 0.001
"""How long events are written before yielding to the event loop."""

_PAGE, _PAGE_BYTES = 250, 256 * 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """A session to export.

    Attributes:
        sid: the session.
        settings: its settings; those that were never set are unset.
        closed: whether a moderator has closed it.
        last: the id of its last event when the export began; later events are not part of it.
    """

    sid: str
    settings: SessionSettings
    closed: bool
    last: str

    def without_instructions(self) -> "Exported":
        """The same for members who may not read the instructions for the model."""
        visible = self.settings.model_dump(exclude_unset=True, exclude={"system"})
        return Exported(self.sid, SessionSettings(**visible), self.closed, self.last)


class Exports:
    """Reads sessions for exports; every call may raise Unavailable.

    Args:
        shards: the servers.
        stream: the events.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(self, shards: Shards, stream: SessionReader, archive: Archive | None = None) -> None:
        self._shards = shards
        self._stream = stream
        self._archive = archive
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, sid: str) -> Exported:
        """A session, as it is now; creates nothing. Raises NotFound for one without events, and Unreadable."""
        newest = await self._stream.read_back(sid, count=1)
        if not newest:
            raise NotFound(f"There is no session {sid}, or nothing has been said in it.")
        stored = dict(pairs(await self._stored_settings(sid)))
        settings = parsed_settings(sid, [part for pair in stored.items() for part in pair])
        return Exported(sid, settings, "closed" in stored, newest[0].id)

    async def live_sids(self) -> set[str]:
        """The sessions with events in the store."""
        found: set[str] = set()
        prefix, match = keys.stream(""), keys.stream("*")
        for shard in self._shards:
            cursor = "0"
            while True:
                scan = ("SCAN", cursor, "MATCH", match, "COUNT", 1_000, "TYPE", "stream")
                cursor, names = await shard.reads.execute(*scan)
                found.update(sid for name in names if is_sid(sid := name.removeprefix(prefix)))
                if cursor in ("0", 0):
                    break
        return found

    async def written(self, session: Exported, write: Callable[[Entry], str]) -> AsyncIterator[str]:
        """The text of a session's events, oldest first, in pieces. Nothing is held while a piece is sent.

        Args:
            session: the session.
            write: returns the text of one event.
        """
        cursor, end, more = BEGINNING, id_after(session.last), True
        while more:
            async with self._turns:
                page = await self._stream.read_range(session.sid, cursor, end, count=_PAGE, size=_PAGE_BYTES)
                text = await _written(page.entries, write)
            more = page.more and bool(page.entries)
            if page.entries:
                cursor = page.entries[-1].id
                yield text

    async def _stored_settings(self, sid: str) -> list[str]:
        """The hash of a session's settings, from where the session is."""
        pipeline = self._shards.of(sid).pipeline
        try:
            flat: list[str] = await pipeline.execute("HGETALL", keys.settings(sid))
        except Unreadable:
            flat = []
        if self._archive is None or await pipeline.execute("EXISTS", keys.stream(sid)):
            return flat
        known = await self._archive.known(sid)
        state: dict[str, Any] = json.loads((known and known.state) or "{}")
        return list(state.get("settings") or flat)


async def _written(entries: list[Entry], write: Callable[[Entry], str]) -> str:
    pieces = []
    turn_ends = perf_counter() + TURN_SECONDS
    for entry in entries:
        pieces.append(write(entry))
        if perf_counter() > turn_ends:
            await asyncio.sleep(0)
            turn_ends = perf_counter() + TURN_SECONDS
    return "".join(pieces)
