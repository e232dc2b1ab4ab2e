"""Positions in a session, given as an event id or as a time.

`after` and `before` return the exclusive bounds of a range. A time separates the events stored before it from those
stored at it or later.
"""

import re
from datetime import UTC, datetime, timedelta

from doqchat.protocol.ids import BEGINNING, parse_id
from doqchat.protocol.names import ID_PATTERN, MOMENT_PATTERN

PATTERN = f"^({ID_PATTERN}|{MOMENT_PATTERN})$"
_MOMENT = re.compile(MOMENT_PATTERN)
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")
_EPOCH = datetime.fromtimestamp(0, UTC)
_LAST_SEQUENCE = 2**64 - 1


def after(value: str) -> str:
    """The exclusive lower bound of a range; raises ValueError unless the value is an id or an RFC 3339 time."""
    entry_id = parse_id(value)
    if entry_id is not None:
        return entry_id
    milliseconds = _milliseconds(value)
    return f"{milliseconds - 1}-{_LAST_SEQUENCE}" if milliseconds else BEGINNING


def before(value: str) -> str:
    """The exclusive upper bound of a range; raises ValueError unless the value is an id or an RFC 3339 time."""
    return parse_id(value) or f"{_milliseconds(value)}-0"


def _milliseconds(value: str) -> int:
    """Milliseconds since 1970, as in ids; 0 for earlier times."""
    # An unescaped "+" of an offset arrives in a query as a space.
    value = _LOST_PLUS.sub("+", value)
    try:
        if _MOMENT.fullmatch(value) is None:
            raise ValueError
        return max(0, (datetime.fromisoformat(value.upper()) - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        raise ValueError("not an event id such as 1700641234567-0 or a time such as 2026-11-22T10:00:00Z") from None
