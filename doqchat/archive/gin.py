"""The search index in PostgreSQL: a table of tokens with a GIN index.

A GIN index returns all rows of a token in no order. For tokens that most rows have, the newest rows are compared first:
they usually include as many as a page needs. The planner's estimates for arrays are too rough to choose between both.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    from doqchat.archive.search_index import Wanted

TABLE = "doqchat_archive_search"

COMPARED = 200
"""Rows that are compared for each that is wanted, before the index is used."""

MOST_COMPARED = 10_000
"""Maximum number of these rows; takes about 8 ms."""

PENDING_KB = 512
"""Size of the list of new rows that every search reads in full. https://www.postgresql.org/docs/15/gin-tips.html"""


class GINIndex:
    """See `Index`.

    Args:
        connection: the database.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def create(self) -> None:
        """Create the table and its index."""
        self._execute(f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, tokens integer[] NOT NULL)")
        self._execute(
            f"CREATE INDEX {TABLE}_tokens ON {TABLE} USING gin (tokens) WITH (gin_pending_list_limit = {PENDING_KB})"
        )

    def drop(self) -> None:
        """Drop the table."""
        self._execute(f"DROP TABLE {TABLE}")

    def clear(self) -> None:
        """Remove all rows."""
        self._execute(f"TRUNCATE {TABLE}")

    def add(self, tokens: Mapping[int, frozenset[int]]) -> None:
        """Add rows, or replace them."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {TABLE} (id, tokens) SELECT id, tokens::integer[]"
                " FROM unnest(%s::bigint[], %s::text[]) AS added (id, tokens)"
                " ON CONFLICT (id) DO UPDATE SET tokens = excluded.tokens",
                [list(tokens), [f"{{{','.join(map(str, each))}}}" for each in tokens.values()]],
            )

    def remove(self, tokens: Mapping[int, frozenset[int]]) -> None:
        """Remove rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {TABLE} WHERE id = ANY(%s)", [list(tokens)])

    def find(self, wanted: "Wanted", count: int, *, newest_first: bool) -> list[int]:
        """The first or last keys."""
        order = "DESC" if newest_first else "ASC"
        if wanted.sessions is None:
            compared = min(COMPARED * count, MOST_COMPARED)
            near = f"(SELECT * FROM {TABLE} WHERE id >= %s AND id < %s ORDER BY id {order} LIMIT {compared}) near"
            condition, values = _condition(wanted)
            keys = self._keys(near, [wanted.low, wanted.high], condition, values, order, count)
            if len(keys) == count:
                return keys
        condition, values = _condition(wanted)
        indexed = f"(SELECT id FROM {TABLE} WHERE {condition} OFFSET 0) indexed"  # OFFSET keeps it a query of its own
        return self._keys(indexed, values, "id >= %s AND id < %s", [wanted.low, wanted.high], order, count)

    def compact(self) -> None:
        """Nothing: VACUUM removes what is left of deleted rows."""

    def _keys(
        self, rows: str, given: list[Any], condition: str, values: list[Any], order: str, count: int
    ) -> list[int]:
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM {rows} WHERE {condition} ORDER BY id {order} LIMIT %s", [*given, *values, count]
            )
            return [key for (key,) in cursor.fetchall()]

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


def _condition(wanted: "Wanted") -> tuple[str, list[Any]]:
    condition, values = "tokens @> %s::integer[]", [list(wanted.tokens)]
    if wanted.sessions is not None:
        condition, values = f"{condition} AND tokens && %s::integer[]", [*values, list(wanted.sessions)]
    return condition, list(values)
