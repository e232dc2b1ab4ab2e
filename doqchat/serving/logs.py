"""Logging: one short line per record; repeated lines are suppressed and counted."""

import logging
import re
from time import monotonic
from types import TracebackType
from typing import TypeAlias

from doqchat.access.tokens import LOOKS_LIKE_TOKEN
from doqchat.errors import DoqchatError, Internal
from doqchat.request_ids import request_id

LINE_CHARACTERS = 500
"""Maximum length of a line, because messages can contain values sent by clients."""

TRACEBACK_LINES = 50
"""Number of lines of a traceback that are logged: the innermost calls."""

BURST = 20
"""Maximum number of lines from one place in the code within WINDOW_SECONDS; further ones are only counted."""

WINDOW_SECONDS = 10.0

_SECRETS = re.compile(rf"{LOOKS_LIKE_TOKEN.pattern}|(?<=/i/)[^/\s\"?]+")
"""Tokens, and the secrets in the paths of invite links."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
Place: TypeAlias = tuple[str, int, str, int]


def _one_line(text: str) -> str:
    """The text without secrets, line breaks and other control characters, and no longer than LINE_CHARACTERS."""
    shown = _SECRETS.sub("…", _CONTROLS.sub(lambda control: repr(control[0])[1:-1], text[:LINE_CHARACTERS]))
    return shown if len(text) <= LINE_CHARACTERS else f"{shown}… ({len(text):,} characters)"


class LineFormatter(logging.Formatter):
    """Formats a record as one line, followed by a traceback only for internal errors."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging does, but without tracebacks of refused requests, which Django adds."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, with the id of the request and the number of suppressed lines."""
        record.message = _one_line(record.message)
        current = _SECRETS.sub("…", request_id.get())
        tag = f" x-request-id={current}" if current else ""
        return super().formatMessage(record) + tag + getattr(record, "not_logged", "")

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's name
        """The end of the traceback; for an error that is reported to clients only its sentence, which is enough."""
        if isinstance(ei[1], DoqchatError) and not isinstance(ei[1], Internal):
            return _one_line(f"{ei[1].code}: {ei[1].message}")
        return "\n".join(_one_line(line) for line in super().formatException(ei).splitlines()[-TRACEBACK_LINES:])


class RateLimitFilter(logging.Filter):
    """Passes BURST records from one place in the code within WINDOW_SECONDS.

    The last of them announces the suppression; the first after the window reports the number of suppressed lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[Place, _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        place = record.name, record.levelno, record.pathname, record.lineno
        window, now = self._windows.get(place), monotonic()
        if window is None or now >= window.began + WINDOW_SECONDS:
            left_out = 0 if window is None else max(window.records - BURST, 0)
            record.not_logged = f" ({left_out} similar lines were suppressed.)" if left_out else ""
            window = self._windows[place] = _Window(now)
        window.records += 1
        if window.records == BURST:
            record.not_logged = f" (Similar lines are suppressed for up to {WINDOW_SECONDS:g} s.)"
        return window.records <= BURST


class _Window:
    """A window of WINDOW_SECONDS and its number of records."""

    __slots__ = ("began", "records")

    def __init__(self, began: float) -> None:
        self.began = began
        self.records = 0
