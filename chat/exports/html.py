"""An export as an HTML page. It loads and runs nothing."""

from datetime import date
from html import escape

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.timezone import localtime

from chat.rendering import Line, line
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry

_PLACE = "<!-- the messages -->"
"""Where the messages are in the template; escaped texts cannot contain it."""


class HTMLDocument:
    """Writes an export as HTML.

    Args:
        session: what is exported.
    """

    def __init__(self, session: Exported) -> None:
        title = session.settings.title or session.sid
        self._names = session.settings.names
        page = render_to_string("doqchat/export.html", {"title": title, "sid": session.sid})
        self._begin, _, self._end = page.partition(_PLACE)
        self._day: date | None = None

    def begin(self) -> str:
        """The part before the messages."""
        return self._begin

    def event(self, entry: Entry) -> str:
        """One message, after the date if that is new; nothing for what the room does not show."""
        shown = line(entry, "", self._names)
        return "" if shown is None else self._heading(shown) + _message(shown)

    def end(self) -> str:
        """The part after the messages."""
        return self._end

    def _heading(self, shown: Line) -> str:
        day = localtime(shown.time).date()
        if day == self._day:
            return ""
        self._day = day
        return f"<h2>{_escaped(date_format(day, 'DATE_FORMAT'))}</h2>\n"


def _message(shown: Line) -> str:
    moment = localtime(shown.time)
    head = f'<time datetime="{moment.isoformat()}">{moment:%H:%M}</time>'
    if shown.tag:
        head = f'<span class="tag">{_escaped(shown.tag)}</span> {head}'
    if shown.author:
        head = f"<strong>{_escaped(shown.author)}</strong> {head}"
    notes = "".join(f'<p class="note">{_escaped(note)}</p>' for note in (shown.note, shown.end) if note)
    quiet = ' class="quiet"' if shown.kind == "notice" or shown.removed else ""
    return f'<article{quiet}><header>{head}</header><div class="text">{_escaped(shown.text)}</div>{notes}</article>\n'


def _escaped(text: str) -> str:
    """The text as a browser shows it unchanged; a parser turns a bare CR into a line feed."""
    return escape(text).replace("\r", "&#13;").replace("\0", "\ufffd")
