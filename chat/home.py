"""The home page, and what all pages share: their rate limit, the room's URL, roles in URLs."""

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chat import wording
from chat.access import count_call, is_staff, refuse_token_in_url
from chat.audit import Action, Actor, record
from chat.invite_links import links_to
from chat.managers import staff_principal
from chat.openapi import NewSession
from chat.sids import has_a_page, new_sid
from doqchat.conf import access_mode
from doqchat.errors import Forbidden, RateLimited
from doqchat.protocol.names import DEFAULT_ROLE, HUMAN_ROLES, OBSERVER

log = logging.getLogger(__name__)

Page = Callable[Concatenate[HttpRequest, ...], Coroutine[Any, Any, HttpResponse]]


def counted(view: Page) -> Page:
    """Count requests of a page by the client's address; 429 for one too many, 503 without the database.

    403 for a token in the URL.
    """

    @wraps(view)
    async def counting(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            count_call(request, "page")
        except RateLimited as refusal:
            response = render(request, "doqchat/too_many.html", status=429)
            response["Retry-After"] = str(refusal.details["retry_after"])
            return response
        try:
            refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
            return await view(request, **arguments)
        except Forbidden as error:
            raise PermissionDenied(error.message) from error
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
    role = known_role(request.GET.get("role", "A"))
    if "new" in request.GET:
        return redirect(room_address(new_sid(), role))
    if has_a_page(sid):
        return redirect(room_address(sid, role))
    if "sid" in request.GET:
        return entrance(request, sid, role, status=400)
    return entrance(request, "", role, may_create=may_create)


async def _new_session(request: HttpRequest) -> HttpResponse:
    """Create a session, and show the links for A and B."""
    sid = new_sid()
    links = await links_to(request, sid, NewSession().invites)
    await record(Action.CREATED, sid, Actor.of(staff_principal(await request.auser(), sid)))
    context = {"sid": sid, "links": links, "wording": wording.wording()}
    response = render(request, "doqchat/new_session.html", context)
    response["Cache-Control"] = "no-store"
    return response


def entrance(request: HttpRequest, sid: str, role: str, status: int = 200, *, may_create: bool = False) -> HttpResponse:
    """Render the home page.

    Args:
        request: the request.
        sid: the session in the form.
        role: the chosen role.
        status: 200, or the error for an invalid session name.
        may_create: whether it offers to create a session, instead of asking for a link.
    """
    problem = ""
    if status != 200:
        problem = _(
            "A session name has 1 to 64 characters: letters from A to Z, digits, dots, hyphens and underscores."
        )
    needs_link = access_mode() == "token"
    context = {"sid": sid, "role": role, "problem": problem, "needs_link": needs_link, "may_create": may_create}
    return render(request, "doqchat/home.html", context, status=status)


def room_address(sid: str, role: str) -> str:
    """The URL of a session's room, with the role of its reader."""
    return f"{reverse('doqchat:room', args=[sid])}?role={role}"


def known_role(value: str) -> str:
    """The role that a URL names, or the default."""
    known = (*HUMAN_ROLES, OBSERVER) if access_mode() == "token" else HUMAN_ROLES
    return value if value in known else DEFAULT_ROLE
