"""Counts what is archived by hour, in the transaction that archives it: each event is counted exactly once."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import connection
from pydantic_core import from_json

from doqchat.archive.models import ArchivedEvent, HourlyCount
from doqchat.protocol.events import LLMError, LLMResponse
from doqchat.protocol.ids import id_at, order, parse_id
from doqchat.signals import events_archived

HOUR_MS = 60 * 60 * 1000
LONGEST_NAME = 100

_AMOUNTS = (
    *("events", "input_tokens", "output_tokens", "timed", "milliseconds"),
    *("first_pieces", "first_piece_milliseconds"),
)
_NOTHING_KNOWN = (1, *[0] * (len(_AMOUNTS) - 1))
_LONGEST_MS = 2**40
"""Times that are longer are another program's."""

_COLUMNS = ("hour", "event", "name", "writer", *_AMOUNTS)
_TABLE = HourlyCount._meta.db_table
_INSERT = f"INSERT INTO {_TABLE} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"  # noqa: S608
_SUMS = ", ".join(f"{name} = {_TABLE}.{name} + EXCLUDED.{name}" for name in _AMOUNTS)
_ADD = f"{_INSERT} ON CONFLICT (hour, event, name, writer) DO UPDATE SET {_SUMS}"
"""Django's update of conflicting rows cannot add to their values."""

_own = threading.local()


def connect() -> None:
    """Count what is archived."""
    events_archived.connect(_on_archived, dispatch_uid="doqchat.archive.counts")


def _on_archived(added: Sequence[ArchivedEvent], *, imported: bool = False, **known: Any) -> None:
    if imported:
        return  # another site has counted and paid for them
    counts: defaultdict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * len(_AMOUNTS))
    for event in added:
        name, amounts = _counted(event)
        milliseconds = order(id_at(event.position))[0]
        sums = counts[milliseconds // HOUR_MS, event.event, name]
        for number, amount in enumerate(amounts):
            sums[number] += amount
    if counts:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, [(*key, _writer(), *sums) for key, sums in counts.items()])


def _counted(event: ArchivedEvent) -> tuple[str, tuple[int, ...]]:
    """The name and the amounts that an event adds."""
    if event.event not in (LLMResponse.event, LLMError.event):
        return "", _NOTHING_KNOWN
    try:
        bd = from_json(event.body)["bd"]
        usage = bd.get("usage") or {}
        tokens = [usage.get(name) or 0 for name in ("input_tokens", "output_tokens")]
        name = str(bd.get("model") or bd.get("code") or "")
        request = parse_id(str(bd.get("request_id") or ""))
        first = bd.get("first_piece_ms")
        if not all(isinstance(amount, int) and 0 <= amount < 2**31 for amount in tokens):
            tokens = [0, 0]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", _NOTHING_KNOWN  # another program's
    took = -1 if request is None else order(id_at(event.position))[0] - order(request)[0]
    name = name.replace("\0", "")[:LONGEST_NAME]
    return name, (1, *tokens, *_timed(took), *_timed(first))


def _timed(milliseconds: object) -> tuple[int, int]:
    """The number of known times, and their sum."""
    return (1, milliseconds) if isinstance(milliseconds, int) and 0 <= milliseconds < _LONGEST_MS else (0, 0)


def _writer() -> str:
    """A name of this thread."""
    if not hasattr(_own, "writer"):
        _own.writer = uuid.uuid4().hex
    name: str = _own.writer
    return name
