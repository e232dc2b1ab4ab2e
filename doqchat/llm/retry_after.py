"""How long a provider asks its clients to wait before they try again.

Sources: RFC 9110, section 10.2.3 (Retry-After); google.rpc.RetryInfo; `retry-after-ms` of OpenAI and Azure; and the
sentence in which OpenAI, Groq and Gemini say it.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

IN_WORDS = re.compile(
    r"(?:again|retry\w{0,5}|wait)\s{1,3}(?:(?:in|after|for)\s{1,3})?"
    r"((?:\d{1,9}(?:\.\d{1,9})?\s?[a-z]{1,12}[,\s]{0,2}(?:and\s)?){1,4})",
    re.I,
)
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|d|h|m|s)", re.I)
UNITS = {"ms": 0.001, "milli": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
FIELDS = ("retryDelay", "retry_after", "retryAfter", "retry_after_seconds")


def seconds_in_headers(headers: Mapping[str, str]) -> float | None:
    """The seconds that the headers of a response ask for; None if they do not, or not in a way that can be read."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    seconds = _duration(value)
    return _until(value) if seconds is None else seconds


def seconds_in_body(objects: list[dict[str, Any]]) -> float | None:
    """The same for the objects that describe an error, each searched with its `details` and `metadata`."""
    for each in objects:
        details = each.get("details")
        for fields in [each, each.get("metadata"), *(details if isinstance(details, list) else [details])]:
            for name in FIELDS if isinstance(fields, dict) else ():
                if (seconds := _duration(fields.get(name))) is not None:
                    return seconds
    return _in_words(json.dumps(objects[0], ensure_ascii=False)) if objects else None


def _duration(value: Any) -> float | None:
    """A protocol buffer's Duration as JSON has it, such as "5s", or a number of seconds."""
    if isinstance(value, dict):
        seconds, nanos = _number(value.get("seconds")), _number(value.get("nanos"))
        return None if seconds is None and nanos is None else (seconds or 0) + (nanos or 0) / 1e9
    return _number(value.removesuffix("s") if isinstance(value, str) else value)


def _in_words(text: str) -> float | None:
    found = IN_WORDS.search(text)
    amounts = AMOUNT.findall(found[1]) if found else []
    return sum(float(number) * UNITS[unit.lower()] for number, unit in amounts) if amounts else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str) -> float | None:
    """The seconds from now to an HTTP date, or one of ISO 8601."""
    when = _date(parsedate_to_datetime, date) or _date(datetime.fromisoformat, date)
    if when is None:
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())


def _date(read: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        return read(text)
    except (TypeError, ValueError, OverflowError):
        return None
