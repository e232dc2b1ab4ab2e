"""What the pages share: their rate limit, the page of an internal error, roles in URLs."""

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string

from chat.access.credentials import count_call, refuse_token_in_url
from doqchat.conf import access_mode
from doqchat.errors import Forbidden, RateLimited
from doqchat.protocol.names import DEFAULT_ROLE, HUMAN_ROLES, OBSERVER, MemberRole

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


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of an internal error, in the chosen theme: `handler500` of a project.

    No context processor runs, because one may fail again, as without the database.
    """
    return HttpResponseServerError(render_to_string("500.html", {"request": request}))


def known_role(value: str) -> MemberRole:
    """The role that a URL names, or the default."""
    known: tuple[MemberRole, ...] = (*HUMAN_ROLES, OBSERVER) if access_mode() == "token" else HUMAN_ROLES
    return next((role for role in known if role == value), DEFAULT_ROLE)
