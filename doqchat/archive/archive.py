"""The archive as the engine uses it: reads for all callers, and sessions that come back to the store."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from doqchat.archive import records, writing
from doqchat.archive.database_threads import DatabaseThreads, P, T
from doqchat.archive.search import search, search_session
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store import keys
from doqchat.store.older import Found, Known, Older
from doqchat.store.reader import KEPT_MS
from doqchat.store.script import load
from doqchat.store.search import Filters, Hits
from doqchat.store.shards import Shards

THREADS = 4
"""Calls that run concurrently."""

SEARCHES = 2
"""Searches that run concurrently."""

_RESUME = load("resume", "session")


class DatabaseArchive:
    """The archive in the database, see `Archive` in doqchat/store/older.py.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._database, self._searches = DatabaseThreads(THREADS), DatabaseThreads(SEARCHES)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function of records.py."""
        return await self._database.run(function, *args, **kwargs)

    async def read(
        self,
        sid: str,
        after: str,
        before: str | None,
        through: str | None,
        *,
        count: int,
        size: int,
        newest_first: bool,
    ) -> Older:
        """The first or last events between two ids."""
        return await self._database.run(
            records.read, sid, after, before, through, count=count, size=size, newest_first=newest_first
        )

    async def find(self, filters: Filters, limit: int, size: int, *, newest_first: bool) -> Found:
        """Search the events of one session by the index."""
        return await self._searches.run(search_session, filters, limit, size, newest_first=newest_first)

    async def search(self, filters: Filters, cursor: str | None, limit: int, *, ranked: bool) -> Hits:
        """Search the events of several sessions by the index."""
        return await self._searches.run(search, filters, cursor, limit, ranked=ranked)

    async def known(self, sid: str) -> Known | None:
        """What the archive knows of a session; None if it has nothing."""
        return await self._database.run(records.known, sid)

    async def states(self, sids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What else the store had of sessions when they last left it, see scripts/session_state.lua."""
        found = await self._database.run(records.states, sids)
        return {sid: json.loads(state) for sid, state in found.items()}

    async def numbers(self, sids: Sequence[str]) -> dict[str, int]:
        """The number of events of each of some sessions; those that the archive does not know are omitted."""
        return await self._database.run(records.numbers, sids)

    async def first_id(self, sid: str) -> str | None:
        """The id of a session's first event in the archive; None if there is none."""
        return await self._database.run(records.first_id, sid)

    async def counts(self, sid: str, through: str | None) -> Counter[str]:
        """The number of events of each role, up to an id; None for all."""
        return await self._database.run(records.counts, sid, through)

    async def replace(self, sid: str, entry_id: str, body: str) -> str | None:
        """Overwrite an event; returns what it was, or None if the archive does not have it."""
        return await self._database.run(writing.replace_body, sid, entry_id, body)

    async def sids_after(self, sid: str, count: int = 1_000) -> list[str]:
        """The next sessions in the archive, in the order of their names."""
        return await self._database.run(records.sids_after, sid, count)

    async def resume(self, sid: str) -> bool:
        """Bring a session that has left the store back to it; False if the archive does not know it."""
        known = await self.known(sid) if await self._database.run(records.is_known, sid) else None
        if known is None or known.copied == BEGINNING:
            return False
        shard = self._shards.of(sid)
        await shard.pipeline.run(
            _RESUME,
            [keys.stream(sid)],
            last=known.copied,
            events=known.events,
            changes=known.changes,
            state=json.loads(known.state or "{}"),
            kept_ms=KEPT_MS,
        )
        shard.pipeline.post("ZADD", keys.SESSIONS, "NX", order(known.copied)[0] / 1000, sid)
        return True

    async def close(self) -> None:
        """Close the connections to the database."""
        await self._database.close()
        await self._searches.close()
