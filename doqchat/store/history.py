"""Reading back what was said in a session, a page at a time."""

from dataclasses import dataclass
from itertools import takewhile
from unicodedata import normalize

from doqchat.protocol import stored
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store.stream import Entry, SessionStream

SCANNED = 20_000
"""Entries that one page looks at, at most, to find those that are asked for."""

PAGE_BYTES = 4 * 2**20
"""Size of the envelopes of one page, after which it is full whatever its limit is."""

_CHUNK = 250


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

    def finds(self, entry: Entry) -> bool:
        """Whether an entry of the range is asked for; one that is no envelope never is."""
        if self.participant is not None and entry.participant != self.participant:
            return False
        said = stored.read(entry.body)
        if said is None or (self.event is not None and said.event != self.event):
            return False
        return not self.text or _folded(self.text) in _folded(said.text)


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


async def page(stream: SessionStream, sid: str, search: Search) -> Page:
    """One page of a session; raises Unavailable."""
    entries: list[Entry] = []
    cursor = (search.before or "+") if search.newest_first else search.after
    scanned = size = 0
    count = min(_CHUNK, search.limit + 1)
    while True:
        chunk = await _chunk(stream, sid, search, cursor, count)
        for entry in chunk:
            if len(entries) == search.limit or scanned == SCANNED or size > PAGE_BYTES:
                return Page(entries, cursor)
            cursor = entry.id
            scanned += 1
            if search.finds(entry):
                entries.append(entry)
                size += len(entry.body)
        if len(chunk) < count:
            return Page(entries, None)
        count = _CHUNK


async def _chunk(stream: SessionStream, sid: str, search: Search, cursor: str, count: int) -> list[Entry]:
    """The next entries of the range; fewer than `count` only at its end."""
    if search.before == BEGINNING:
        return []
    if search.newest_first:
        lower = order(search.after)
        return list(takewhile(lambda entry: order(entry.id) > lower, await stream.read_back(sid, cursor, count)))
    chunk = await stream.read(sid, cursor, count)
    if search.before is None:
        return chunk
    upper = order(search.before)
    return list(takewhile(lambda entry: order(entry.id) < upper, chunk))


def _folded(text: str) -> str:
    return normalize("NFC", text).casefold()
