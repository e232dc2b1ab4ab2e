"""The pages: the home page and the room."""

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chat import wording
from chat.access import authenticated, count_call, is_staff, refuse_token_in_url
from chat.invite_links import links_to
from chat.lines import line
from chat.openapi import NewSession
from chat.routing import socket_path
from chat.sids import new_sid
from doqchat.access.principal import Principal
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import DoqchatError, Forbidden, RateLimited
from doqchat.protocol.ids import BEGINNING
from doqchat.protocol.names import DEFAULT_ROLE, HUMAN_ROLES, MAX_TEXT, OBSERVER, is_sid
from doqchat.replies import mention
from doqchat.store.stream import Entry

log = logging.getLogger(__name__)

HISTORY_ON_THE_PAGE = 100
PAGE_BYTES = 2**20
"""Maximum size of the history on the page."""


Page = Callable[Concatenate[HttpRequest, ...], Coroutine[Any, Any, HttpResponse]]


def counted(view: Page) -> Page:
    """Count requests of a page by the client's address; 429 for one too many, 503 without the database."""

    @wraps(view)
    async def counting(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            count_call(request, "page")
        except RateLimited as refusal:
            response = render(request, "doqchat/too_many.html", status=429)
            response["Retry-After"] = str(refusal.details["retry_after"])
            return response
        try:
            return await view(request, **arguments)
        except (OperationalError, InterfaceError) as error:
            log.error("The database cannot be used: %s", error)
            return render(request, "doqchat/unavailable.html", status=503)

    return counting


@require_http_methods(["GET", "HEAD", "POST"])
@counted
async def home(request: HttpRequest) -> HttpResponse:
    """The home page; it redirects submissions of its form to the room.

    If access requires a token, staff creates sessions with POST.
    """
    may_create = access_mode() == "token" and await is_staff(request)
    if request.method == "POST":
        if not may_create:
            raise PermissionDenied
        return await _new_session(request)
    sid = request.GET.get("sid", "").strip()
    role = _role(request.GET.get("role", "A"))
    if "new" in request.GET:
        return redirect(room_address(new_sid(), role))
    if _has_a_page(sid):
        return redirect(room_address(sid, role))
    if "sid" in request.GET:
        return _entrance(request, sid, role, status=400)
    return _entrance(request, "", role, may_create=may_create)


@counted
async def room(request: HttpRequest, sid: str) -> HttpResponse:
    """The room of one participant; without history while the store is unreachable.

    If access requires a token, the server renders the history for members by cookie, in their role. Other tokens are in
    the URL's fragment, which browsers do not send: the page's scripts load the history with it.
    """
    role = _role(request.GET.get("role", DEFAULT_ROLE))
    try:
        refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    if not _has_a_page(sid):
        return _entrance(request, sid, role, status=404)
    if access_mode() == "token":
        member = await _member(request, sid)
        if member is None:
            return await _room(request, sid, role, None, admitted=False)
        role = member.role
    return await _room(request, sid, role, await _newest(sid))


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


@sync_to_async
def _room(
    request: HttpRequest, sid: str, role: str, entries: list[Entry] | None, *, admitted: bool = True
) -> HttpResponse:
    """Render the page, in the request's thread because it takes 10 ms or more.

    Args:
        request: the request.
        sid: the session.
        role: the reader's role.
        entries: the history; None if it could not be read.
        admitted: whether the reader needs no token of the page's scripts.
    """
    context = _context(request, sid, role, entries) | {"store_away": admitted and entries is None}
    context["room"] |= {"admitted": admitted}
    response = render(request, "doqchat/room.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _context(request: HttpRequest, sid: str, role: str, entries: list[Entry] | None) -> dict[str, Any]:
    other = {"A": "B", "B": "A"}.get(role, "A")
    invitation = request.build_absolute_uri(room_address(sid, other)) if access_mode() == "open" else None
    return {
        "sid": sid,
        "role": role,
        "lines": [shown for entry in entries or [] if (shown := line(entry, role))],
        "people": [(name, wording.author(name, name == role)) for name in HUMAN_ROLES],
        "other": other,
        "invitation": invitation,
        "room": {
            "sid": sid,
            "role": role,
            "limit": MAX_TEXT,
            "mention": mention.rule(),
            "paths": _paths(sid),
            **_reach(entries),
        },
        "wording": wording.wording(),
    }


def _paths(sid: str) -> dict[str, str]:
    """The URLs of the socket and the HTTP API, for the page's scripts."""
    return {
        "socket": socket_path(),
        "history": reverse("doqchat:api:read_history", args=[sid]),
        "session": reverse("doqchat:api:read_session", args=[sid]),
    }


def _reach(entries: list[Entry] | None) -> dict[str, object]:
    """The ids of the first and last event on the page, and whether earlier ones may exist."""
    if entries is None:
        return {"first": None, "last": None, "earlier": True}
    if not entries:
        return {"first": None, "last": BEGINNING, "earlier": False}
    return {"first": entries[0].id, "last": entries[-1].id, "earlier": entries[0].prev != BEGINNING}


async def _new_session(request: HttpRequest) -> HttpResponse:
    """Create a session, and show the links for A and B."""
    sid = new_sid()
    links = await links_to(request, sid, NewSession().invites)
    context = {"sid": sid, "links": links, "wording": wording.wording()}
    response = render(request, "doqchat/new_session.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _entrance(
    request: HttpRequest, sid: str, role: str, status: int = 200, *, may_create: bool = False
) -> HttpResponse:
    problem = ""
    if status != 200:
        problem = _(
            "A session name has 1 to 64 characters: letters from A to Z, digits, dots, hyphens and underscores."
        )
    needs_link = access_mode() == "token"
    context = {"sid": sid, "role": role, "problem": problem, "needs_link": needs_link, "may_create": may_create}
    return render(request, "doqchat/home.html", context, status=status)


def room_address(sid: str, role: str) -> str:
    return f"{reverse('doqchat:room', args=[sid])}?role={role}"


def _role(value: str) -> str:
    known = (*HUMAN_ROLES, OBSERVER) if access_mode() == "token" else HUMAN_ROLES
    return value if value in known else DEFAULT_ROLE


def _has_a_page(sid: str) -> bool:
    """Whether the sid can be part of a path: browsers resolve `.` and `..`."""
    return is_sid(sid) and sid not in (".", "..")
