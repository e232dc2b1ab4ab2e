"""Entry ids: Redis Stream ids, `milliseconds-sequence`."""

import re

BEGINNING = "0-0"
"""The id before every entry; the `prev` of a session's first event."""

LAST = f"{2**64 - 1}-{2**64 - 1}"
"""The highest id that there can be."""

_ID = re.compile(r"(\d{1,20})-(\d{1,20})")
_LARGEST = 2**64 - 1


def order(entry_id: str) -> tuple[int, int]:
    """The id as a pair that sorts as the stream does."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def request_of(reply_id: str) -> str:
    """The id of the request that a reply answers: it is named after it, as `rREQUEST`, and anew as `rREQUEST-2`."""
    return "-".join(reply_id.removeprefix("r").split("-")[:2])


def parse_id(value: str) -> str | None:
    """The id in full, or None when the value is no id. `0` stands for the beginning."""
    if value == "0":
        return BEGINNING
    match = _ID.fullmatch(value)
    if match is None or not value.isascii():
        return None
    milliseconds, sequence = int(match[1]), int(match[2])
    return f"{milliseconds}-{sequence}" if max(milliseconds, sequence) <= _LARGEST else None
