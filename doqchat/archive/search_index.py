"""The search index of the archive: which events have which tokens, in the database's own full-text index.

It is an FTS5 table in SQLite, and an array with a GIN index in PostgreSQL. Its keys are those of ArchivedEvent, which
sort by time over all sessions. It is changed in the transaction that changes the events.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from doqchat.archive.fts5 import FTS5Index
from doqchat.archive.gin import GINIndex
from doqchat.archive.models import ArchivedEvent
from doqchat.archive.search_tokens import session_of, tokens_of

_AT_ONCE = 2_000

Tokens = Mapping[int, frozenset[int]]
"""Tokens of events, by primary key."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a search of the index finds.

    Attributes:
        tokens: all of these.
        sessions: the tokens of sessions, of which they have one; None for all sessions.
        low, high: the first key, and the key after the last.
    """

    tokens: Sequence[int]
    sessions: Sequence[int] | None
    low: int
    high: int


class Index(Protocol):
    """A full-text index of a database."""

    def compact(self) -> None:
        """Remove what the index still has of removed events, outside a transaction."""

    def create(self) -> None:
        """Create it."""

    def drop(self) -> None:
        """Remove it."""

    def clear(self) -> None:
        """Remove all events from it."""

    def add(self, tokens: Tokens) -> None:
        """Add events."""

    def remove(self, tokens: Tokens) -> None:
        """Remove events, which were added with these tokens."""

    def find(self, wanted: Wanted, count: int, *, newest_first: bool) -> list[int]:
        """The first or last keys."""


def index_of(connection: BaseDatabaseWrapper | None = None) -> Index:
    """The index in a database.

    Args:
        connection: the database; None for the default.
    """
    connection = connection or connections[DEFAULT_DB_ALIAS]
    match connection.vendor:
        case "sqlite":
            return FTS5Index(connection)
        case "postgresql":
            return GINIndex(connection)
    return NoIndex()


class NoIndex:
    """What other databases have: every event is a candidate, so a search compares all events. See `Index`."""

    def create(self) -> None:
        """Nothing."""

    drop = clear = compact = create

    def add(self, tokens: Tokens) -> None:
        """Nothing."""

    remove = add

    def find(self, wanted: Wanted, count: int, *, newest_first: bool) -> list[int]:
        """The first or last keys."""
        events = ArchivedEvent.objects.filter(pk__gte=wanted.low, pk__lt=wanted.high)
        if wanted.sessions is not None:
            events = events.filter(session__in=map(session_of, wanted.sessions))
        keys = events.order_by("-pk" if newest_first else "pk").values_list("pk", flat=True)
        return list(keys[:count])


class Changes:
    """Collects changes of events, to apply them to the index together: fewer, larger writes."""

    def __init__(self) -> None:
        self._removed: dict[int, frozenset[int]] = {}
        self._added: dict[int, frozenset[int]] = {}

    def remove(self, event: ArchivedEvent) -> None:
        """An event is deleted, or its body is about to be replaced."""
        if tokens := tokens_of(event):
            self._removed[event.pk] = tokens

    def add(self, event: ArchivedEvent) -> None:
        """An event was added, or its body was replaced."""
        if tokens := tokens_of(event):
            self._added[event.pk] = tokens

    def apply(self) -> None:
        """Change the index, in the current transaction."""
        index = index_of()
        if self._removed:
            index.remove(self._removed)
        if self._added:
            index.add(self._added)


def rebuild() -> Iterator[int]:
    """Index all events again, in a transaction for every 2,000 of them. Searches find those that are indexed.

    Yields the number of events after each transaction.
    """
    index_of().clear()
    last, count = -1, 0
    while events := list(ArchivedEvent.objects.filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
        with transaction.atomic():
            changes = Changes()
            for event in events:
                changes.add(event)
            changes.apply()
        last, count = events[-1].pk, count + len(events)
        yield count
