"""How long a provider asks its clients to wait before they try again.

Sources: RFC 9110, section 10.2.3 (Retry-After); google.rpc.RetryInfo; `retry-after-ms` of OpenAI and Azure; and the
sentence in which OpenAI, Groq and Gemini say it.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

IN_WORDS = re.compile(
    r"(?:again|retry|wait)\s+(?:in|after|for)?\s*(?:(\d{1,4})\s*m(?:in\w*)?\s*)?(\d{1,9}(?:\.\d{1,9})?)\s*(ms|milli|s)",
    re.I,
)
FIELDS = ("retryDelay", "retry_after", "retryAfter", "retry_after_seconds")


def seconds_in_headers(headers: Mapping[str, str]) -> float | None:
    """The seconds that the headers of a response ask for; None if they do not, or not in a way that can be read."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    return None if value is None else _number(value) if _number(value) is not None else _until(value)


def seconds_in_body(objects: list[dict[str, Any]]) -> float | None:
    """The same for the objects that describe an error, each searched with its `details` and `metadata`."""
    for each in objects:
        details = each.get("details")
        for fields in [each, each.get("metadata"), *(details if isinstance(details, list) else [])]:
            for name in FIELDS if isinstance(fields, dict) else ():
                if (seconds := _duration(fields.get(name))) is not None:
                    return seconds
    return _in_words(json.dumps(objects[0], ensure_ascii=False)) if objects else None


def _duration(value: Any) -> float | None:
    """A protocol buffer's Duration as JSON has it, such as "5s", or a number of seconds."""
    if isinstance(value, dict):
        value = value.get("seconds")
    return _number(value.removesuffix("s") if isinstance(value, str) else value)


def _in_words(text: str) -> float | None:
    found = IN_WORDS.search(text)
    if not found:
        return None
    minutes, number, unit = found.groups()
    return float(minutes or 0) * 60 + float(number) / (1 if unit.lower() == "s" else 1000)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str) -> float | None:
    """The seconds from now to an HTTP date."""
    try:
        when = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
