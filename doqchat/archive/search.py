"""Searches the archive: the index returns candidates, which are compared with the search."""

from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from django.db.models import F, OuterRef, Subquery

from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.records import upper
from doqchat.archive.search_index import Wanted, index_of
from doqchat.archive.search_tokens import name_token, session_token, tokens_for
from doqchat.archive.writing import KEY_BITS
from doqchat.protocol import server
from doqchat.protocol.ids import LAST, id_at, position_before
from doqchat.store.older import Found
from doqchat.store.search import RANKED, Filters, Hit, Hits, searchable

MOST_COMPARED = 2_000
"""Candidates after which a page ends, even if it is not full."""

SECONDS = 1.0
"""Time after which a page ends, even if it is not full."""

_LARGEST_BATCH = 500
_AT_ONCE = 50
"""Events in memory, which can have 64 KiB each."""

_GROWTH = 4
"""How many times as many candidates as the one before a batch has."""


class _Matching(NamedTuple):
    """Matching events; `reached` is the last compared event if there may be more, otherwise None."""

    events: list[ArchivedEvent]
    reached: ArchivedEvent | None


def search(filters: Filters, cursor: str | None, limit: int, *, ranked: bool) -> Hits:
    """A page of events of several sessions.

    Args:
        filters: which events.
        cursor: the `next` of the page before, see `checked_cursor`.
        limit: maximum number of events.
        ranked: whether the best of the newest RANKED matches come first, instead of the newest.
    """
    key, skipped = _parse(cursor)
    selection = _Selection(filters)
    if not ranked:
        found = selection.matching(limit, newest_first=True, before=key)
        return Hits(_hits(found.events), None if found.reached is None else f"{found.reached.pk}")
    events = selection.matching(RANKED, newest_first=True, before=key).events
    newest = key or (events[0].pk + 1 if events else 0)
    best = sorted(events, key=lambda event: _rank(event, filters.terms), reverse=True)
    end = skipped + limit
    return Hits(_hits(best[skipped:end]), f"{newest}.{end}" if end < len(best) else None)


def _hits(events: Iterable[ArchivedEvent]) -> list[Hit]:
    return [Hit(event.session.sid, id_at(event.position), event.participant, event.body) for event in events]


def search_session(filters: Filters, limit: int, size: int, *, newest_first: bool) -> Found:
    """A page of events of one session, in their order there; see `Archive.find`."""
    found = _Selection(filters).matching(limit, newest_first=newest_first, by_position=True, size=size)
    earlier = ArchivedEvent.objects.filter(session=OuterRef("session"), position__lt=OuterRef("position"))
    last_before = earlier.order_by("-position").values("position")[:1]
    within = ArchivedEvent.objects.filter(pk__in=[event.pk for event in found.events])
    before = dict(within.annotate(prev=Subquery(last_before)).values_list("pk", "prev"))
    entries = [
        (id_at(event.position), id_at(before.get(event.pk) or 0), event.participant, event.body)
        for event in found.events
    ]
    return Found(entries, None if found.reached is None else id_at(found.reached.position))


class _Selection:
    """The events that filters select.

    Args:
        filters: the filters.
    """

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._after, self._before = position_before(filters.after), upper(filters.before or LAST)
        tokens = tokens_for(filters.terms)
        tokens += [name_token(name) for name in (filters.participant, filters.event) if name is not None]
        self._tokens = tokens
        self._sessions = None if filters.sids is None else _keys_of(filters.sids)

    def matching(
        self,
        limit: int,
        *,
        newest_first: bool,
        before: int | None = None,
        by_position: bool = False,
        size: int | None = None,
    ) -> _Matching:
        """The first or last matching events.

        Args:
            limit: maximum number of events.
            newest_first: whether to begin with the newest.
            before: the key before which they end; None for the newest.
            by_position: whether events of the same time are in the order of their positions, not of their keys.
            size: bytes after which the page is full; None for no limit.
        """
        found: list[ArchivedEvent] = []
        reached, compared, read, deadline = None, 0, 0, monotonic() + SECONDS
        for event in self._candidates(limit + 1, before, newest_first=newest_first, by_position=by_position):
            if reached is not None and (compared >= MOST_COMPARED or monotonic() > deadline):
                return _Matching(found, reached)
            if self._matches(event):
                if len(found) == limit or (size is not None and read > size):
                    return _Matching(found, found[-1])
                found.append(event)
                read += len(event.body.encode())
            reached, compared = event, compared + 1
        return _Matching(found, None)

    def _candidates(
        self, count: int, before: int | None, *, newest_first: bool, by_position: bool
    ) -> Iterator[ArchivedEvent]:
        """The events that the index finds, in growing batches."""
        if self._sessions == {}:
            return
        low, high = _time(self._after), min(_time(self._before) + _SAME_TIME, _LARGEST)
        high = high if before is None else min(high, before)
        while low < high:
            keys = self._find(low, high, count, newest_first=newest_first)
            more = len(keys) == count
            if more and by_position:
                keys += self._same_time(keys[-1], low, high, newest_first=newest_first)
            yield from self._load(keys, newest_first=newest_first, by_position=by_position)
            if not more:
                return
            low, high = (low, keys[-1]) if newest_first else (keys[-1] + 1, high)
            count = min(count * _GROWTH, max(_LARGEST_BATCH, count))

    def _find(self, low: int, high: int, count: int, *, newest_first: bool) -> list[int]:
        sessions = None if self._sessions is None else [session_token(key) for key in self._sessions]
        return index_of().find(Wanted(self._tokens, sessions, low, high), count, newest_first=newest_first)

    def _same_time(self, key: int, low: int, high: int, *, newest_first: bool) -> list[int]:
        """The other candidates of the same millisecond, which a session may have stored before or after this one."""
        first = _time(key)
        low, high = (max(low, first), key) if newest_first else (key + 1, min(high, first + _SAME_TIME))
        return self._find(low, high, _SAME_TIME, newest_first=newest_first)

    def _load(self, keys: Sequence[int], *, newest_first: bool, by_position: bool) -> Iterator[ArchivedEvent]:
        events = ArchivedEvent.objects.filter(pk__in=keys)
        if self._sessions is not None:
            events = events.filter(session__in=self._sessions)
        order = F("position" if by_position else "pk")
        ordered = events.select_related("session").order_by(order.desc() if newest_first else order.asc())
        return ordered.iterator(chunk_size=_AT_ONCE)

    def _matches(self, event: ArchivedEvent) -> bool:
        wanted = self._filters
        if not self._after < event.position < self._before:
            return False
        if wanted.participant not in (None, event.participant) or wanted.event not in (None, event.event):
            return False
        said = server.read_stored(event.body)
        text = searchable(said.text) if said is not None else ""
        return all(term in text for term in wanted.terms)


_SAME_TIME = 1 << KEY_BITS
_LARGEST = 2**63 - 1


def _time(number: int) -> int:
    """The first key and the first position of the time of a key or a position."""
    return number >> KEY_BITS << KEY_BITS


def _keys_of(sids: Iterable[str]) -> dict[int, str]:
    return dict(ArchivedSession.objects.filter(sid__in=list(sids)).values_list("pk", "sid"))


def _parse(cursor: str | None) -> tuple[int | None, int]:
    """The key before which a page ends, and the number of ranked events before it."""
    if cursor is None:
        return None, 0
    key, _, skipped = cursor.partition(".")
    return int(key), int(skipped or 0)


def _rank(event: ArchivedEvent, terms: Sequence[str]) -> tuple[bool, int, int, int]:
    """What ranks higher: the terms side by side; more of them at the beginning of a word; more often; newer."""
    said = server.read_stored(event.body)
    text = f" {searchable(said.text if said is not None else '')}"
    begins = sum(f" {term}" in text for term in terms)
    return " ".join(terms) in text, begins, sum(text.count(term) for term in terms), event.pk
