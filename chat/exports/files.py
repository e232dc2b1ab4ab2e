"""A whole session as a file, streamed, so that its length does not matter."""

import re
from collections.abc import AsyncIterator
from unicodedata import category, normalize
from urllib.parse import quote

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import get_language, override

from chat.exports.formats import FORMATS, MEDIA_TYPES, FormatName
from doqchat.engine import engine
from doqchat.store.exports import Exported
from doqchat.store.reader import Entry

LONGEST_NAME = 180
"""Maximum size of a file name in bytes, without its extension: file systems allow 255 in all."""

_UNSAFE = re.compile(r'[\s/\\:*?"<>|]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
"""Names of devices on Windows, with any extension."""


def export_response(session: Exported, name: FormatName) -> StreamingHttpResponse:
    """A response that streams a session; its client decides how fast. Nothing is held while it does not read.

    Args:
        session: the session, as `Exports.find` returns it.
        name: the format.
    """
    return StreamingHttpResponse(export_content(session, name, get_language()), headers=export_headers(session, name))


def export_head(session: Exported, name: FormatName) -> HttpResponse:
    """The same without a body, for HEAD."""
    return HttpResponse(headers=export_headers(session, name))


def export_headers(session: Exported, name: FormatName) -> dict[str, str]:
    """The headers of an export: a file to save, which browsers neither display nor keep."""
    return {
        "Content-Type": MEDIA_TYPES[name],
        "Content-Disposition": disposition(session.settings.title or session.sid, name),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def disposition(title: str, extension: str) -> str:
    """`Content-Disposition` with a file name (RFC 6266), in ASCII and, for all current browsers, complete."""
    name = _file_name(title)
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.") or "session"
    return f"attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{quote(name, safe='')}.{extension}"


def _file_name(title: str) -> str:
    """The title as the name of a file, on every system."""
    visible = "".join(each for each in normalize("NFC", title) if category(each) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    cut = _UNSAFE.sub(" ", visible).encode()[:LONGEST_NAME].decode(errors="ignore").strip(" .")
    return f"_{cut}" if _RESERVED.fullmatch(cut) else cut or "session"


async def export_content(session: Exported, name: FormatName, language: str | None) -> AsyncIterator[bytes]:
    """An export, in pieces.

    Args:
        session: the session.
        name: the format.
        language: the language of what is for people.
    """
    with override(language):
        form = FORMATS[name](session)
        begin = form.begin()

    def write(entry: Entry) -> str:
        with override(language):
            return form.event(entry)

    yield begin.encode()
    async for text in engine().exports.written(session, write):
        yield text.encode()
    yield form.end().encode()
