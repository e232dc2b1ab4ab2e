"""Reads a session's history in pages, with filters and search.

A search finds the events in the archive by its index. Only those that are not copied yet are scanned, or all events if
they are not archived.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from doqchat.errors import Unavailable
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING, LAST, id_after, order
from doqchat.store.folding import LONGEST_COMPOSED, LONGEST_RUN, folded
from doqchat.store.older import Archive
from doqchat.store.reader import Entry, EntryRange
from doqchat.store.search import Filters, is_searchable, search_terms
from doqchat.store.stream import SessionStream

log = logging.getLogger(__name__)

SCANNED = 20_000
"""Maximum number of entries that one page scans."""

SCANNED_BYTES = 16 * 2**20
"""Bytes scanned after which a page ends, even if it is not full."""

SECONDS = 2.0
"""Time after which a page ends, even if it is not full."""

TURN_SECONDS = 0.001
"""How long a page filters before it yields to the event loop."""

PAGE_BYTES = 4 * 2**20
"""Bytes of envelopes after which a page is full, regardless of its limit."""

AT_ONCE = 1
"""Pages per server that read and filter concurrently; they take turns after each batch."""

_BATCH, _BATCH_BYTES = 250, 256 * 1024

_SLICE = 2_000
"""Characters searched at a time; takes less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Search:
    """Selects the events of a page.

    Attributes:
        after, before: exclusive bounds of the range; a `before` of None is the end of the session.
        participant, event: only events of this role, with this name.
        text: only events whose text contains all words and quoted phrases of this, ignoring case and Unicode
            composition, see doqchat/store/search.py.
        limit: maximum number of events on the page.
        newest_first: whether the newest events come first.
    """

    after: str = BEGINNING
    before: str | None = None
    participant: str | None = None
    event: str | None = None
    text: str = ""
    limit: int = 100
    newest_first: bool = False

    def behind(self, entry_id: str) -> "Search":
        """The same search, continued after an event in the order of the search."""
        return replace(self, before=entry_id) if self.newest_first else replace(self, after=entry_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a session, in the order of the search.

    Attributes:
        entries: the events.
        next: the cursor for the next page, as `after` or, newest first, as `before`; None at the end of the range. It
            is the id of the last scanned event, so that nothing is skipped or repeated if events are appended
            meanwhile. A page with a `next` may be short or empty if it reached a limit of scanning.
    """

    entries: list[Entry]
    next: str | None


_Read = Callable[[str, Search], Awaitable[Page]]


class History:
    """Finds events of the sessions.

    Args:
        stream: the streams.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(self, stream: SessionStream, archive: Archive | None = None) -> None:
        self._stream = stream
        self._archive = archive
        self._reading: defaultdict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, AT_ONCE))

    async def page(self, sid: str, search: Search) -> Page:
        """One page of a session; raises Unavailable and Unreadable."""
        parts: list[tuple[_Read, Search]] = [(self._scan, search)]
        if self._archive is not None and any(map(is_searchable, search_terms(search.text))):
            known = None
            with suppress(Unavailable):  # the store may have all events
                known = await self._archive.known(sid)
            if known is not None:
                parts = self._parts(self._archive, search, known.copied)
        found: list[Entry] = []
        for read, part in parts:
            if len(found) == search.limit:
                return Page(found, found[-1].id)
            page = await read(sid, replace(part, limit=search.limit - len(found)))
            found += page.entries
            if page.next is not None:
                return Page(found, page.next)
        return Page(found, None)

    def _parts(self, archive: Archive, search: Search, copied: str) -> list[tuple[_Read, Search]]:
        """The search among the events up to the last one in the archive, and among later ones, in its order."""
        after_all = id_after(copied)
        before = after_all if search.before is None else min(search.before, after_all or LAST, key=order)
        archived = (partial(_find, archive), replace(search, before=before))
        later = (self._scan, replace(search, after=max(search.after, copied, key=order)))
        return [later, archived] if search.newest_first else [archived, later]

    async def _scan(self, sid: str, search: Search) -> Page:
        """One page of a search that compares all events."""
        page = _Page(search)
        following = await self._fill(sid, page)
        if page.unreadable:
            log.warning("Skipped %d invalid entries of session %s.", page.unreadable, sid)
        return Page(page.found, following)

    async def _fill(self, sid: str, page: "_Page") -> str | None:
        """Read until the page is full, the range ends or a limit is reached; the cursor for the next page."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + SECONDS
        while True:
            async with self._reading[self._stream.server(sid)]:
                batch = await self._read(sid, page)
                full = await page.take(batch.entries)
            if not (full or batch.more):
                return None
            if full or page.read > SCANNED_BYTES or clock.time() > deadline:
                return page.cursor

    async def _read(self, sid: str, page: "_Page") -> EntryRange:
        """The next batch of the page's range. The first one has no more entries than the page needs at least."""
        search = page.search if page.cursor is None else page.search.behind(page.cursor)
        count = _BATCH if page.cursor else min(_BATCH, search.limit + 1)
        batch = await self._stream.read_range(
            sid, search.after, search.before, count=count, size=_BATCH_BYTES, newest_first=search.newest_first
        )
        page.read += batch.size
        return batch


async def _find(archive: Archive, sid: str, search: Search) -> Page:
    """One page of a search by the index."""
    terms = search_terms(search.text)
    filters = Filters(terms, [sid], search.participant, search.event, search.after, search.before)
    found = await archive.find(filters, search.limit, PAGE_BYTES, newest_first=search.newest_first)
    return Page([Entry(*entry, ours=False) for entry in found.entries], found.next)


class _Page:
    """Collects the events of a page.

    Attributes:
        search: the search.
        found: the matching events.
        cursor: the id of the last scanned entry; None before the first.
        read: bytes read from the store.
        unreadable: number of entries that are not envelopes.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.found: list[Entry] = []
        self.cursor: str | None = None
        self.read = self.unreadable = 0
        self._terms = search_terms(search.text)
        self._scanned = self._size = 0
        self._turn_ends = 0.0

    async def take(self, entries: list[Entry]) -> bool:
        """Scan entries; True if the page is full and one of them belongs to the next."""
        for entry in entries:
            if len(self.found) == self.search.limit or self._scanned == SCANNED or self._size > PAGE_BYTES:
                return True
            self.cursor = entry.id
            self._scanned += 1
            await self._yield_to_loop()
            if await self._matches(entry):
                self.found.append(entry)
                self._size += len(entry.body.encode())
        return False

    async def _matches(self, entry: Entry) -> bool:
        """Whether an entry matches the search; an entry that is not an envelope never does."""
        if self.search.participant is not None and entry.participant != self.search.participant:
            return False
        said = server.read_stored(entry.body)
        if said is None:
            self.unreadable += 1
            return False
        if self.search.event is not None and said.event != self.search.event:
            return False
        text = " ".join(said.text.split()) if any(" " in term for term in self._terms) else said.text
        for term in self._terms:
            if not await self._contains(text, term):
                return False
        return True

    async def _contains(self, text: str, term: str) -> bool:
        """Whether a text contains a term."""
        overlap = LONGEST_COMPOSED * len(term) + LONGEST_RUN
        for start in range(0, len(text), _SLICE):
            await self._yield_to_loop()
            if term in folded(text[start : start + _SLICE + overlap]):
                return True
        return False

    async def _yield_to_loop(self) -> None:
        """Yield to the event loop after TURN_SECONDS."""
        if perf_counter() >= self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = perf_counter() + TURN_SECONDS
