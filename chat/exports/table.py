"""An export as CSV (RFC 4180), for spreadsheets."""

import csv
import re
from io import StringIO
from typing import Any

from django.utils.timezone import localtime
from pydantic_core import from_json

from doqchat.protocol import server
from doqchat.protocol.ids import time_of
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry

COLUMNS = ("id", "time", "event", "role", "name", "text", "detail")

_BOM = "\ufeff"
"""Without it Excel does not read UTF-8."""

_FORMULA = re.compile(r"[\s\0]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""The beginning of a cell that a spreadsheet may take for a formula, also in full width.
https://owasp.org/www-community/attacks/CSV_Injection"""

_DETAILS = ("code", "finish_reason", "reason")


class Table:
    """Writes an export as CSV with one row per event.

    Args:
        session: what is exported.
    """

    def __init__(self, session: Exported) -> None:
        self._written = StringIO(newline="")
        self._rows = csv.writer(self._written)

    def begin(self) -> str:
        """The names of the columns."""
        return _BOM + self._row(*COLUMNS)

    def event(self, entry: Entry) -> str:
        """One event; the text of an entry that is not an envelope is what is stored."""
        hd, bd = _parts(entry.body)
        said = server.read_stored(entry.body) or server.StoredEvent("", entry.body)
        time = localtime(time_of(entry.id)).isoformat(timespec="milliseconds")
        detail = "removed" if hd.get("removed") is True else next((bd[each] for each in _DETAILS if bd.get(each)), "")
        return self._row(entry.id, time, said.event, entry.participant, hd.get("name") or "", said.text, detail)

    def end(self) -> str:
        """Nothing."""
        return ""

    def _row(self, *cells: Any) -> str:
        self._rows.writerow(_literal(str(cell)) for cell in cells)
        row = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return row


def _literal(cell: str) -> str:
    """The cell such that no spreadsheet takes it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _parts(body: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """`hd` and `bd` of a stored envelope; empty if it is none."""
    try:
        envelope = from_json(body)
        parts = envelope.get("hd"), envelope.get("bd")
    except (ValueError, AttributeError):
        parts = None, None
    hd, bd = (part if isinstance(part, dict) else {} for part in parts)
    return hd, bd
