"""Entry ids: Redis Stream ids, `milliseconds-sequence`."""

import re
from datetime import UTC, datetime

BEGINNING = "0-0"
"""The id before every entry; the `prev` of a session's first event."""

LAST = f"{2**64 - 1}-{2**64 - 1}"
"""The highest id that there can be."""

_LAST_TIME = datetime(9999, 12, 30, tzinfo=UTC)
"""A day before the last one, so that it is a time in every time zone."""

_ID = re.compile(r"(\d{1,20})-(\d{1,20})")
_LARGEST = 2**64 - 1


def order(entry_id: str) -> tuple[int, int]:
    """The id as a pair that sorts as the stream does."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def time_of(entry_id: str) -> datetime:
    """When the entry was stored; the end of the year 9999 for larger ids, which other programs may have written."""
    seconds = order(entry_id)[0] / 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds < _LAST_TIME.timestamp() else _LAST_TIME


def request_of(reply_id: str) -> str:
    """The id of the request that a reply answers: reply ids are `rREQUEST`, and `rREQUEST-2` for a retry."""
    return "-".join(reply_id.removeprefix("r").split("-")[:2])


def parse_id(value: str) -> str | None:
    """The complete id, or None if the value is not an id. `0` is the beginning."""
    if value == "0":
        return BEGINNING
    match = _ID.fullmatch(value)
    if match is None or not value.isascii():
        return None
    milliseconds, sequence = int(match[1]), int(match[2])
    return f"{milliseconds}-{sequence}" if max(milliseconds, sequence) <= _LARGEST else None
