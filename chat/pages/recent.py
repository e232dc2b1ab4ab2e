"""The reader's sessions on the home page: memberships, the joins of a signed-in user, and what is new in them."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from pydantic_core import from_json

from chat import wording
from chat.access.cookies import MEMBERSHIP
from chat.access.credentials import authenticated
from chat.access.joined_sessions import joined_by_user
from chat.pages.base import counted
from chat.sids import has_a_page
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import DoqchatError
from doqchat.protocol.ids import order, parse_id, time_of
from doqchat.store.reader import Entry
from doqchat.store.settings import SessionSettings

MOST_SESSIONS = 20
"""Maximum number of sessions on the home page."""

MOST_NEW = 30
"""Events of a session that are looked at; if more are new, their number is a minimum."""

NEW_BYTES = 32 * 1024
"""Size of the events of a session after which no more are looked at."""

EXCERPT = 100
"""Maximum length of an excerpt, in characters."""

_MARKUP = re.compile(r"(\*\*|`+)|^[ \t]*(?:#{1,6}|>|[-*])[ \t]+|^[ \t|:-]+$|\|", re.MULTILINE)
"""What answers of models are marked up with, and an excerpt does not show."""

_TEXTS = {"chat.message": "text", "llm.request": "prompt", "llm.response": "text"}


@dataclass(frozen=True, slots=True)
class Membership:
    """A session that the reader may join."""

    sid: str
    role: str
    title: str


async def memberships(request: HttpRequest) -> list[Membership]:
    """Those that the browser's cookies name, and those that the signed-in user has joined; all are valid now."""
    if access_mode() == "open":
        return []
    cookies = [name.removeprefix(MEMBERSHIP) for name in request.COOKIES if name.startswith(MEMBERSHIP)]
    sids = dict.fromkeys([*cookies, *await joined_by_user(request, MOST_SESSIONS)])
    found = await asyncio.gather(*(_membership(request, sid) for sid in list(sids)[:MOST_SESSIONS]))
    return [each for each in found if each is not None]


@require_safe
@counted
async def news(request: HttpRequest) -> HttpResponse:
    """What is new in the sessions that the query names as `read=SID:ID:ROLE`, after the event that was read last.

    With open access ROLE is the reader's; otherwise the credential says it. The answer has one entry for each session,
    in the same order; null for one that the browser may not read.
    """
    named = [(*value.split(":"), "", "")[:3] for value in request.GET.getlist("read")[:MOST_SESSIONS]]
    found = await asyncio.gather(*(_news(request, *each) for each in named))
    return JsonResponse({"sessions": found}, headers={"Cache-Control": "no-store"})


async def _membership(request: HttpRequest, sid: str) -> Membership | None:
    try:
        member = await authenticated(request, sid)
        settings = await engine().settings.of(sid)
    except DoqchatError:
        return None
    return Membership(sid, member.role, settings.title)


async def _news(request: HttpRequest, sid: str, read: str, role: str) -> dict[str, Any] | None:
    if not has_a_page(sid):
        return None
    try:
        reader = await authenticated(request, sid)
        reader.require("read")
        settings, newest = await asyncio.gather(
            engine().settings.of(sid),
            engine().stream.read_range(sid, count=MOST_NEW + 1, size=NEW_BYTES, newest_first=True),
        )
    except DoqchatError:
        return None
    last = next((said for entry in newest.entries if (said := _said(entry, settings)) is not None), None)
    own = (reader.role if reader.verified else role, reader.pseudonym)
    return {"title": settings.title, "last": last} | _unread(newest.entries, parse_id(read), own, more=newest.more)


def _unread(entries: list[Entry], read: str | None, own: tuple[str, str | None], *, more: bool) -> dict[str, Any]:
    """How many messages of others are among the events after the id `read`, and whether there may be more of them.

    Args:
        entries: the newest events, newest first.
        read: the last event that was read; None if that is unknown.
        own: the reader's role and pseudonym.
        more: whether there are earlier events.
    """
    if read is None:
        return {"unread": 0, "more": False}
    after = [entry for entry in entries if order(entry.id) > order(read)]
    return {"unread": sum(_counts(entry, *own) for entry in after), "more": more and len(after) == len(entries)}


def _counts(entry: Entry, role: str, person: str | None) -> bool:
    """Whether it is a message, request or answer that the reader has not written."""
    try:
        hd, bd = (envelope := from_json(entry.body))["hd"], envelope["bd"]
        said = hd["event"] == "llm.error" or bool(bd[_TEXTS[hd["event"]]])
        own = entry.participant == role and (person is None or hd.get("person", person) == person)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return said and not own


def _said(entry: Entry, settings: SessionSettings) -> dict[str, str] | None:
    """Who said what and when; None for other events."""
    try:
        envelope = from_json(entry.body)
        hd, text = envelope["hd"], envelope["bd"][_TEXTS[envelope["hd"]["event"]]]
        if hd.get("removed") is True:
            text = wording.removed()
        elif hd["event"] == "llm.response":
            text = _MARKUP.sub(lambda found: "" if found[1] else " ", text)
        excerpt = " ".join(text.split())[:EXCERPT]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    role = entry.participant
    named = {"A": settings.name_a, "B": settings.name_b, "llm": settings.name_llm}.get(role)
    name = named or hd.get("name") or wording.names().get(role, role)
    return {"by": str(name), "text": excerpt, "at": time_of(entry.id).isoformat()}
