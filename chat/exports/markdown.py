"""An export as Markdown, for people. Texts are indented code blocks: nothing in them is interpreted."""

import re
from datetime import date

from django.utils.formats import date_format
from django.utils.timezone import localtime

from chat.rendering import Line, line
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry

_MARKUP = re.compile(r"[\\`*_{}\[\]<>#&|~!]")
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Line endings of CommonMark 2.1."""


class MarkdownDocument:
    """Writes an export as Markdown.

    Args:
        session: what is exported.
    """

    def __init__(self, session: Exported) -> None:
        self._title = session.settings.title or session.sid
        self._names = session.settings.names
        self._day: date | None = None

    def begin(self) -> str:
        """The title."""
        return f"# {_inline(self._title)}\n"

    def event(self, entry: Entry) -> str:
        """One message, after the date if that is new; nothing for what the room does not show."""
        shown = line(entry, "", self._names)
        return "" if shown is None else self._heading(shown) + _message(shown)

    def end(self) -> str:
        """Nothing."""
        return ""

    def _heading(self, shown: Line) -> str:
        day = localtime(shown.time).date()
        if day == self._day:
            return ""
        self._day = day
        return f"\n## {_inline(date_format(day, 'DATE_FORMAT'))}\n"


def _message(shown: Line) -> str:
    time = f"{localtime(shown.time):%H:%M}"
    tag = f", {_inline(shown.tag)}" if shown.tag else ""
    paragraphs = [f"**{_inline(shown.author)}**{tag} ({time})" if shown.author else f"({time})"]
    if shown.kind == "notice" or shown.removed:
        paragraphs[0] += f" {_inline(shown.text)}"
    elif shown.text:
        paragraphs.append("\n".join(f"    {each}" for each in _LINE_END.split(shown.text)))
    paragraphs += [f"*{_inline(note)}*" for note in (shown.note, shown.end) if note]
    return "".join(f"\n{paragraph}\n" for paragraph in paragraphs)


def _inline(text: str) -> str:
    """A text on one line in which nothing is interpreted."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
