"""Removes what the database's files still have of rows that were changed or deleted."""

import logging

from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper

from chat.models import AuditRecord, ChatSession, Invite
from chat.webhooks.models import WebhookDelivery
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.search_index import index_of

log = logging.getLogger(__name__)

LARGEST_REWRITTEN = 2**28
"""Size in bytes of the largest table that PostgreSQL rewrites; takes about 10 seconds, in which others wait for it."""

LOCK_SECONDS = 5
"""Timeout of the lock that PostgreSQL needs to rewrite a table; other queries of the table wait as long."""

_TABLES = tuple(
    model._meta.db_table
    for model in (ArchivedEvent, ArchivedSession, AuditRecord, ChatSession, Invite, WebhookDelivery)
)
"""The tables that can have texts and names."""


def rewrite_database() -> None:
    """Remove old versions of rows: from the search index, and from SQLite's write-ahead log or PostgreSQL's tables.

    A warning in the log names what could not be rewritten.
    """
    index_of().compact()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, _pages, _moved) = cursor.fetchone()
            if busy:
                log.warning("SQLite's log still has what was erased: something reads the database. Erase it again.")
        elif connection.vendor == "postgresql":
            cursor.execute("VACUUM")
            _rewrite_tables(cursor)


def _rewrite_tables(cursor: CursorWrapper) -> None:
    """Rewrite PostgreSQL's tables: VACUUM only marks the place of old rows as free, and leaves their bytes there.

    The table is locked meanwhile, so one that is large, or is in use for long as by a backup, is not rewritten.
    """
    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        for table in _TABLES:
            if not _rewrite_table(cursor, table):
                log.warning(
                    "PostgreSQL's files still have what was erased. Run when the site may pause: VACUUM FULL %s", table
                )
    finally:
        cursor.execute("RESET lock_timeout")


def _rewrite_table(cursor: CursorWrapper, table: str) -> bool:
    """Returns whether it was rewritten."""
    cursor.execute("SELECT pg_total_relation_size(%s) <= %s", [table, LARGEST_REWRITTEN])
    (small,) = cursor.fetchone()
    try:
        if small:
            cursor.execute(f"VACUUM FULL {table}")
    except OperationalError:
        return False
    return bool(small)
