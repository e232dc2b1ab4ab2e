"""The search index in SQLite: an FTS5 table that stores tokens and no text.

https://www.sqlite.org/fts5.html: without positions (`detail=none`) and content it needs about 1.5 bytes per token of an
event, and returns the newest rows first without sorting. Rows are removed by adding their tokens again as deleted.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    from doqchat.archive.search_index import Wanted

TABLE = "doqchat_archive_search"

_MERGED_PAGES = 200
"""Pages of the index that one transaction merges."""


class FTS5Index:
    """See `Index`.

    Args:
        connection: the database.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def create(self) -> None:
        """Create the table."""
        options = "content='', columnsize=0, detail=none, tokenize='ascii'"
        self._execute(f"CREATE VIRTUAL TABLE {TABLE} USING fts5(tokens, {options})")

    def drop(self) -> None:
        """Drop the table."""
        self._execute(f"DROP TABLE {TABLE}")

    def clear(self) -> None:
        """Remove all rows."""
        self._execute(f"INSERT INTO {TABLE}({TABLE}) VALUES ('delete-all')")

    def add(self, tokens: Mapping[int, frozenset[int]]) -> None:
        """Add rows; sorted, because FTS5 begins a segment whenever a key is lower than the one before."""
        self._execute_many(f"INSERT INTO {TABLE}(rowid, tokens) VALUES (%s, %s)", tokens)

    def remove(self, tokens: Mapping[int, frozenset[int]]) -> None:
        """Remove rows that were added with these tokens."""
        self._execute_many(f"INSERT INTO {TABLE}({TABLE}, rowid, tokens) VALUES ('delete', %s, %s)", tokens)

    def find(self, wanted: "Wanted", count: int, *, newest_first: bool) -> list[int]:
        """The first or last keys."""
        match = " AND ".join(map(_word, wanted.tokens))
        if wanted.sessions is not None:
            match += f" AND ({' OR '.join(map(_word, wanted.sessions))})"
        order = "DESC" if newest_first else "ASC"
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s AND rowid >= %s AND rowid < %s"
                f" ORDER BY rowid {order} LIMIT %s",
                [match, wanted.low, wanted.high, count],
            )
            return [key for (key,) in cursor.fetchall()]

    def compact(self) -> None:
        """Merge the index into one segment, which has nothing of removed rows, in transactions of 0.2 seconds.

        A negative number of pages starts a merge of all segments; it is done when a step changes less than two rows.
        """
        self._execute("PRAGMA secure_delete=ON")
        pages, before, changes = -_MERGED_PAGES, -2, 0
        while changes - before >= 2:
            before = self._total_changes()
            self._execute(f"INSERT INTO {TABLE}({TABLE}, rank) VALUES ('merge', {pages})")
            pages, changes = _MERGED_PAGES, self._total_changes()

    def _total_changes(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT total_changes()")
            return int(cursor.fetchone()[0])

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _execute_many(self, statement: str, tokens: Mapping[int, frozenset[int]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, [(key, _text(tokens[key])) for key in sorted(tokens)])


def _text(tokens: Iterable[int]) -> str:
    return " ".join(map(_word, sorted(tokens)))


def _word(token: int) -> str:
    """A token as a word that FTS5 neither divides nor takes for an operator."""
    return f"n{-token}" if token < 0 else str(token)
