"""The room."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from chat import wording
from chat.access.cookies import BROWSER, BROWSER_SECONDS, browser_in, new_browser, set_cookie
from chat.access.credentials import authenticated
from chat.addresses import room_address, socket_path
from chat.pages.base import counted, known_role
from chat.pages.embedding import allow_embedding, embedders
from chat.pages.home import entrance
from chat.rendering import line
from chat.sids import has_a_page
from doqchat.access.principal import Principal, open_access
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import DoqchatError
from doqchat.llm import llms
from doqchat.protocol.ids import BEGINNING
from doqchat.protocol.names import DEFAULT_ROLE, HUMAN_ROLES, MAX_TEXT
from doqchat.replies import mention
from doqchat.store.reader import Entry
from doqchat.store.settings import SessionSettings

log = logging.getLogger(__name__)

HISTORY_ON_THE_PAGE = 100
PAGE_BYTES = 2**20
"""Maximum size of the history on the page."""


@counted
async def room(request: HttpRequest, sid: str) -> HttpResponse:
    """The room of one participant; without history while the store is unreachable.

    If access requires a token, the server renders the history for members by cookie, in their role. Other tokens are in
    the URL's fragment, which browsers do not send: the page's scripts load the history with it.
    """
    role = known_role(request.GET.get("role", DEFAULT_ROLE))
    if not has_a_page(sid):
        return await entrance(request, sid, status=404)
    if access_mode() == "token":
        member = await _member(request, sid)
        if member is None:
            return await _room(request, sid, role, None, admitted=False)
        role = member.role
    else:
        member = open_access(sid, role, browser_in(request.COOKIES) or new_browser())
    with suppress(DoqchatError):
        await engine().stream.keep(sid)
    entries, settings = await asyncio.gather(_newest(sid), _settings(sid))
    return await _room(request, sid, role, entries, settings, member)


async def _member(request: HttpRequest, sid: str) -> Principal | None:
    """Whose cookie allows to read the session; None if there is none, or it cannot be checked."""
    try:
        member = await authenticated(request, sid)
        member.require("read")
    except DoqchatError:
        return None
    return member


async def _newest(sid: str) -> list[Entry] | None:
    """The newest events, oldest first; None if they cannot be read."""
    try:
        newest = await engine().stream.read_range(sid, count=HISTORY_ON_THE_PAGE, size=PAGE_BYTES, newest_first=True)
    except DoqchatError as error:
        log.warning("The room %s is shown without its history: %s", sid, error)
        return None
    return newest.entries[::-1]


async def _settings(sid: str) -> SessionSettings | None:
    """The session's settings; None if they cannot be read."""
    try:
        return await engine().settings.of(sid)
    except DoqchatError:
        return None


@sync_to_async
def _room(
    request: HttpRequest,
    sid: str,
    role: str,
    entries: list[Entry] | None,
    settings: SessionSettings | None = None,
    member: Principal | None = None,
    *,
    admitted: bool = True,
) -> HttpResponse:
    """Render the page, in the request's thread because it takes 10 ms or more.

    Args:
        request: the request.
        sid: the session.
        role: the reader's role.
        entries: the history; None if it could not be read.
        settings: the session's settings; None if they could not be read.
        member: the reader, if known.
        admitted: whether the reader needs no token of the page's scripts.
    """
    names = {} if settings is None else settings.names
    name, person = (None, None) if member is None else (member.name, member.pseudonym)
    context = _context(request, sid, role, entries) | {
        "lines": [shown for entry in entries or [] if (shown := line(entry, role, names, person))],
        "people": [(one, wording.author(one, one == role, session=names)) for one in HUMAN_ROLES],
        "title": (settings and settings.title) or sid,
        "store_away": admitted and entries is None,
    }
    context["room"] |= {"admitted": admitted, "name": name, "person": person, "names": names}
    response = render(request, "doqchat/room.html", context)
    if member is not None and member.browser is not None:
        set_cookie(response, BROWSER, member.browser, BROWSER_SECONDS)
        patch_vary_headers(response, ["Cookie"])
    allow_embedding(response)
    if access_mode() == "token":
        response["Cache-Control"] = "no-store"
    return _compress(request, response)


def _compress(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page of a tenth of its size. Django's middleware adds random bytes, so that the size reveals no secret."""
    GZipMiddleware(lambda request: response).process_response(request, response)
    return response


def _context(request: HttpRequest, sid: str, role: str, entries: list[Entry] | None) -> dict[str, Any]:
    other = {"A": "B", "B": "A"}.get(role, "A")
    invitation = request.build_absolute_uri(room_address(sid, other)) if access_mode() == "open" else None
    return {
        "sid": sid,
        "role": role,
        "setting_names": wording.setting_names(),
        "models": list(llms),
        "other": other,
        "invitation": invitation,
        "room": {
            "sid": sid,
            "role": role,
            "open": access_mode() == "open",
            "limit": MAX_TEXT,
            "mention": mention.rule(),
            "paths": _paths(sid),
            "embedders": embedders(),
            **_reach(entries),
        },
        "wording": wording.wording(),
    }


def _paths(sid: str) -> dict[str, str]:
    """The URLs of the socket, the HTTP API and the service worker, for the page's scripts."""
    return {
        "socket": socket_path(),
        "history": reverse("doqchat:api:read_history", args=[sid]),
        "session": reverse("doqchat:api:read_session", args=[sid]),
        "messages": reverse("doqchat:api:send_message", args=[sid]),
        "worker": reverse("doqchat:worker"),
    }


def _reach(entries: list[Entry] | None) -> dict[str, object]:
    """The ids of the first and last event on the page, and whether earlier ones may exist."""
    if entries is None:
        return {"first": None, "last": None, "earlier": True}
    if not entries:
        return {"first": None, "last": BEGINNING, "earlier": False}
    return {"first": entries[0].id, "last": entries[-1].id, "earlier": entries[0].prev != BEGINNING}
