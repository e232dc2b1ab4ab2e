"""Reading back what was said in a session, a page at a time."""

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from doqchat.protocol import stored
from doqchat.protocol.ids import BEGINNING
from doqchat.store.folding import LONGEST_COMPOSED, LONGEST_RUN, folded
from doqchat.store.stream import Entry, SessionStream, Stretch

log = logging.getLogger(__name__)

SCANNED = 20_000
"""Entries that one page looks at, at most, to find those that are asked for."""

SCANNED_BYTES = 16 * 2**20
"""Size of the entries that one page looks at, after which it ends however few it has found."""

SECONDS = 2.0
"""How long a page may take before it ends with what it has."""

TURN_SECONDS = 0.001
"""How long a page filters before everything else in its process has a turn."""

PAGE_BYTES = 4 * 2**20
"""Size of the envelopes of one page, after which it is full whatever its limit is."""

AT_ONCE = 1
"""Pages of one server's sessions that read and filter at the same time; others wait for their turn at each stretch."""

_STRETCH, _STRETCH_BYTES = 250, 256 * 1024

_SLICE = 2_000
"""Characters of a text that are searched at a time, in less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which events of a session a page shall have.

    Attributes:
        after, before: ids that bound the range, themselves not part of it; a `before` of None is the open end.
        participant, event: only events of this role, with this name.
        text: only events that say this, whatever its case and however its characters are composed.
        limit: events on the page, at most.
        newest_first: begin at the end.
    """

    after: str = BEGINNING
    before: str | None = None
    participant: str | None = None
    event: str | None = None
    text: str = ""
    limit: int = 100
    newest_first: bool = False

    def behind(self, entry_id: str) -> "Search":
        """The same for what follows an event in the order of the search."""
        return replace(self, before=entry_id) if self.newest_first else replace(self, after=entry_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a session, in the order of the search.

    Attributes:
        entries: the events.
        next: the id to go on from, as `after` or, newest first, as `before`; None at the end of the range. It is that
            of the last event that was looked at, so that nothing is left out or comes twice, whatever is said
            meanwhile. A page that has a `next` may be short or empty: there was more to look at than one page does.
    """

    entries: list[Entry]
    next: str | None


class History:
    """Finds events in the sessions' streams.

    Args:
        stream: where they are read from.
    """

    def __init__(self, stream: SessionStream) -> None:
        self._stream = stream
        self._reading: defaultdict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, AT_ONCE))

    async def page(self, sid: str, search: Search) -> Page:
        """One page of a session; raises Unavailable and Unreadable."""
        page = _Page(search)
        following = await self._fill(sid, page)
        if page.unreadable:
            log.warning("%d entries of session %s are no messages and are left out.", page.unreadable, sid)
        return Page(page.found, following)

    async def _fill(self, sid: str, page: "_Page") -> str | None:
        """Read until the page is full, at the end of its range, or took long enough; the id to go on from."""
        clock = asyncio.get_running_loop()
        late = clock.time() + SECONDS
        while True:
            async with self._reading[self._stream.server(sid)]:
                stretch = await self._read(sid, page)
                full = await page.take(stretch.entries)
            if not (full or stretch.more):
                return None
            if full or page.read > SCANNED_BYTES or clock.time() > late:
                return page.cursor

    async def _read(self, sid: str, page: "_Page") -> Stretch:
        """The next stretch of the page's range: no more than the page needs at the least, if it is the first."""
        search = page.search if page.cursor is None else page.search.behind(page.cursor)
        count = _STRETCH if page.cursor else min(_STRETCH, search.limit + 1)
        stretch = await self._stream.stretch(
            sid, search.after, search.before, count=count, size=_STRETCH_BYTES, newest_first=search.newest_first
        )
        page.read += stretch.size
        return stretch


class _Page:
    """A page that is being filled.

    Attributes:
        search: what is looked for.
        found: the events that it has so far.
        cursor: the id of the last event that was looked at; None before the first.
        read: bytes that were read for it.
        unreadable: how many of the entries were no envelopes.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.found: list[Entry] = []
        self.cursor: str | None = None
        self.read = self.unreadable = 0
        self._text = folded(search.text)
        self._scanned = self._size = 0
        self._turn_ends = 0.0

    async def take(self, entries: list[Entry]) -> bool:
        """Look at entries, one after the other; True when one of them had to be left for the next page."""
        for entry in entries:
            if len(self.found) == self.search.limit or self._scanned == SCANNED or self._size > PAGE_BYTES:
                return True
            self.cursor = entry.id
            self._scanned += 1
            await self._give_way()
            if await self._wants(entry):
                self.found.append(entry)
                self._size += len(entry.body.encode())
        return False

    async def _wants(self, entry: Entry) -> bool:
        """Whether an entry is asked for; one that is no envelope never is."""
        if self.search.participant is not None and entry.participant != self.search.participant:
            return False
        said = stored.read(entry.body)
        if said is None:
            self.unreadable += 1
            return False
        if self.search.event is not None and said.event != self.search.event:
            return False
        return not self._text or await self._is_in(said.text)

    async def _is_in(self, text: str) -> bool:
        """Whether a text says what is looked for."""
        overlap = LONGEST_COMPOSED * len(self._text) + LONGEST_RUN
        for start in range(0, len(text), _SLICE):
            await self._give_way()
            if self._text in folded(text[start : start + _SLICE + overlap]):
                return True
        return False

    async def _give_way(self) -> None:
        """Let everything else run when this has run for TURN_SECONDS."""
        if perf_counter() >= self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = perf_counter() + TURN_SECONDS
