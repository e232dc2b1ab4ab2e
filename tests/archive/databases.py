"""The databases that an archive can be in: the one of all tests, and a PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
from django.db import connections

from doqchat.archive.models import ArchivedSession


@contextmanager
def using(database: dict[str, Any]) -> Iterator[None]:
    """Let this process use another database; no session is in it at the end."""
    before = connections.settings["default"]
    connections["default"].close()
    connections.settings["default"] = {**before, "OPTIONS": {}, **database}
    del connections["default"]
    try:
        yield
        ArchivedSession.objects.all().delete()
    finally:
        connections["default"].close()
        connections.settings["default"] = before
        del connections["default"]


def database_at(url: str) -> dict[str, Any]:
    """Django's settings of a database."""
    return dict(environ.Env.db_url_config(url))
