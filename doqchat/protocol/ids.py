"""Entry ids (Redis Stream ids, `milliseconds-sequence`), times, and positions given as either."""

import re
from datetime import UTC, datetime, timedelta

from doqchat.protocol.names import ID_PATTERN, MOMENT_PATTERN

BEGINNING = "0-0"
"""The id before every entry; the `prev` of a session's first event."""

LAST = f"{2**64 - 1}-{2**64 - 1}"
"""The highest id that there can be."""

_LAST_TIME = datetime(9999, 12, 30, tzinfo=UTC)
"""A day before the last one, so that it is a time in every time zone."""

POSITION_PATTERN = f"^({ID_PATTERN}|{MOMENT_PATTERN})$"
"""The pattern of a position: an entry id or a time."""

_REPLY_ID = re.compile(r"r\d{1,20}-\d{1,20}(-\d{1,9})?", re.ASCII)
_ID = re.compile(r"(\d{1,20})-(\d{1,20})")
_MOMENT = re.compile(MOMENT_PATTERN)
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")
_EPOCH = datetime.fromtimestamp(0, UTC)
_SEQUENCE_BITS = 21
_END = 2**63
_LARGEST = 2**64 - 1


def order(entry_id: str) -> tuple[int, int]:
    """The id as a pair that sorts as the stream does."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def id_before(entry_id: str) -> str:
    """The highest id that sorts before one other than `0-0`."""
    milliseconds, sequence = order(entry_id)
    return f"{milliseconds}-{sequence - 1}" if sequence else f"{milliseconds - 1}-{_LARGEST}"


def id_after(entry_id: str) -> str | None:
    """The lowest id that sorts after one; None if there is none."""
    milliseconds, sequence = order(entry_id)
    if sequence < _LARGEST:
        return f"{milliseconds}-{sequence + 1}"
    return None if milliseconds == _LARGEST else f"{milliseconds + 1}-0"


def position(entry_id: str) -> int | None:
    """The id as one number that sorts as the stream does and fits 64 bits with a sign.

    The milliseconds are in the upper 42 bits, which last until the year 2109. None for an id that does not fit: other
    programs can write such ids.
    """
    milliseconds, sequence = order(entry_id)
    number = (milliseconds << _SEQUENCE_BITS) + sequence
    return number if sequence < 1 << _SEQUENCE_BITS and number < _END else None


def position_before(entry_id: str) -> int:
    """The position of an id or, if it has none, the last position before it."""
    milliseconds, sequence = order(entry_id)
    return min((milliseconds << _SEQUENCE_BITS) + min(sequence, (1 << _SEQUENCE_BITS) - 1), _END - 1)


def id_at(number: int) -> str:
    """The id at a position."""
    return f"{number >> _SEQUENCE_BITS}-{number & ((1 << _SEQUENCE_BITS) - 1)}"


def time_of(entry_id: str) -> datetime:
    """When the entry was stored; the end of the year 9999 for larger ids, which other programs may have written."""
    seconds = order(entry_id)[0] / 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds < _LAST_TIME.timestamp() else _LAST_TIME


def is_reply_id(value: str) -> bool:
    """Whether the value has the form of the reply ids that the store's scripts create."""
    return _REPLY_ID.fullmatch(value) is not None


def request_of(reply_id: str) -> str:
    """The id of the request that a reply answers: reply ids are `rREQUEST`, and `rREQUEST-2` for a retry."""
    return "-".join(reply_id.removeprefix("r").split("-")[:2])


def requested_at(reply_id: str) -> int:
    """When the request of a reply was stored, in ms of the store's clock; 0 for an invalid reply id."""
    return order(parse_id(request_of(reply_id)) or BEGINNING)[0]


def parse_id(value: str) -> str | None:
    """The complete id, or None if the value is not an id. `0` is the beginning."""
    if value == "0":
        return BEGINNING
    match = _ID.fullmatch(value)
    if match is None or not value.isascii():
        return None
    milliseconds, sequence = int(match[1]), int(match[2])
    return f"{milliseconds}-{sequence}" if max(milliseconds, sequence) <= _LARGEST else None


def parse_time(value: str) -> datetime:
    """An RFC 3339 time with an offset; raises ValueError for other text."""
    try:
        if _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass  # a date that does not exist
    raise ValueError("not an RFC 3339 time such as 2026-11-22T10:00:00Z")


def lower_bound(position: str) -> str:
    """The id after which a range begins; a time is that of the first event. Raises ValueError for other text."""
    entry_id = parse_id(position)
    if entry_id is not None:
        return entry_id
    milliseconds = _milliseconds(position)
    return f"{milliseconds - 1}-{_LARGEST}" if milliseconds else BEGINNING


def upper_bound(position: str) -> str:
    """The id before which a range ends; a time is after that of the last event. Raises ValueError for other text."""
    return parse_id(position) or f"{_milliseconds(position)}-0"


def _milliseconds(time: str) -> int:
    """Milliseconds since 1970, as in ids; 0 for earlier times."""
    try:
        # An unescaped "+" of an offset arrives in a query as a space.
        return max(0, (parse_time(_LOST_PLUS.sub("+", time)) - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        raise ValueError("not an event id such as 1700641234567-0 or a time such as 2026-11-22T10:00:00Z") from None
