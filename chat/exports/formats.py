"""The formats of exports: JSON, which an import reads, CSV for spreadsheets, Markdown and HTML for people.

A format writes a session piece by piece, in the language that is active while it is called.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from chat.exports.html import HTMLDocument
from chat.exports.markdown import MarkdownDocument
from chat.exports.table import Table
from doqchat.archive.document import JSONDocument
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry

FormatName = Literal["json", "csv", "md", "html"]


class Format(Protocol):
    """Writes one session; each method returns a part of the text."""

    def begin(self) -> str:
        """The part before the events."""

    def event(self, entry: Entry) -> str:
        """One event; may be empty."""

    def end(self) -> str:
        """The part after the events."""


FORMATS: dict[FormatName, Callable[[Exported], Format]] = {
    "json": JSONDocument,
    "csv": Table,
    "md": MarkdownDocument,
    "html": HTMLDocument,
}

MEDIA_TYPES: dict[FormatName, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
