"""Keeps texts out of PostgreSQL's statistics: ANALYZE stores samples of columns, which an erasure does not reach."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep_none(schema_editor: BaseDatabaseSchemaEditor, **columns: list[str]) -> None:
    """Have no samples of columns, by the name of their table."""
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, names in columns.items():
        for name in names:
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {name} SET STATISTICS 0")
