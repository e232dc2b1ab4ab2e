"""Places between a session's events, named by an event's id or by a moment.

`after` and `before` give the ids that bound a range from outside. A moment splits a session in two: what was stored
before it, and what was stored at it or later.
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
    """The id after which a range begins; raises ValueError for what is neither an id nor an RFC 3339 time."""
    entry_id = parse_id(value)
    if entry_id is not None:
        return entry_id
    milliseconds = _milliseconds(value)
    return f"{milliseconds - 1}-{_LAST_SEQUENCE}" if milliseconds else BEGINNING


def before(value: str) -> str:
    """The id before which a range ends; raises ValueError for what is neither an id nor an RFC 3339 time."""
    return parse_id(value) or f"{_milliseconds(value)}-0"


def _milliseconds(value: str) -> int:
    """Since 1970, as ids count; times before that are as early as an id can be."""
    # An offset's "+" that nobody escaped arrives in a query as a space.
    value = _LOST_PLUS.sub("+", value)
    try:
        if _MOMENT.fullmatch(value) is None:
            raise ValueError
        return max(0, (datetime.fromisoformat(value.upper()) - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        raise ValueError("not an event id such as 1700641234567-0 or a time such as 2026-11-22T10:00:00Z") from None
