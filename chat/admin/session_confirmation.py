"""The page on which an administrator confirms an action on sessions."""

import asyncio
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from chat.access.permissions import staff_principal
from chat.admin.session_actions import Confirmed, SessionAction, finish, perform
from chat.models import ChatSession
from doqchat.access.principal import Principal
from doqchat.errors import DoqchatError
from doqchat.limits.addresses import address_of

MOST_AT_ONCE = 100
"""Maximum number of sessions that one confirmation covers."""

CONCURRENT = 10
"""Sessions on which an action is performed concurrently."""


PROBLEMS = (
    gettext_noop("The session is on legal hold: nothing of it is erased."),
    gettext_noop("The session is on legal hold: nothing of it is removed."),
    gettext_noop("The session was put on legal hold meanwhile: only a part of it is erased."),
    gettext_noop("Access is open on this site: there is nothing to revoke."),
    gettext_noop("The session has no message or reply with this id."),
    gettext_noop("There is no session with this name."),
    gettext_noop("There is no session with this name, or nothing was said in it yet."),
    gettext_noop("This session is closed."),
    gettext_noop("The store is unavailable: nothing was stored. Send it again."),
    gettext_noop("The store did not respond; try again."),
)
"""What the engine says when an action fails, for the catalogues; other sentences stay in English."""


def may(request: HttpRequest, action: Confirmed) -> bool:
    """Whether the user has the permission for an action."""
    return bool(request.user.has_perm(f"doqchat.{action.permission}_chatsession"))


def confirm(
    site: admin.AdminSite, request: HttpRequest, action: SessionAction, sessions: Sequence[ChatSession], leads_to: str
) -> HttpResponse:
    """Ask for confirmation, or do what was confirmed.

    Args:
        site: the admin.
        request: a POST with `confirmed` does it.
        action: the action.
        sessions: the sessions.
        leads_to: the URL to which the user returns.

    Raises PermissionDenied.
    """
    if not may(request, action):
        raise PermissionDenied
    if len(sessions) > MOST_AT_ONCE:
        messages.error(request, _("Select at most {count} sessions.").format(count=MOST_AT_ONCE))
        return HttpResponseRedirect(leads_to)
    confirmed = is_confirmed(request)
    form = action.form(request.POST if confirmed else None, initial=request.GET.dict())
    if confirmed and form.is_valid():
        _perform(request, action, sessions, form.cleaned_data)
        return HttpResponseRedirect(leads_to)
    return ask(site, request, action, form, sessions, leads_to)


def is_confirmed(request: HttpRequest) -> bool:
    """Whether a request comes from the page that asks."""
    return request.method == "POST" and "confirmed" in request.POST


def ask(
    site: admin.AdminSite,
    request: HttpRequest,
    action: Confirmed,
    form: forms.Form,
    sessions: Sequence[ChatSession],
    leads_to: str,
) -> HttpResponse:
    """The page that asks for confirmation."""
    context = {
        **site.each_context(request),
        "title": action.title,
        "opts": ChatSession._meta,
        "action": action,
        "form": form,
        "sessions": sessions,
        "checkbox": ACTION_CHECKBOX_NAME,
        "leads_to": leads_to,
    }
    return TemplateResponse(request, "admin/doqchat/chatsession/confirm.html", context)


def _perform(
    request: HttpRequest, action: SessionAction, sessions: Sequence[ChatSession], stated: dict[str, Any]
) -> None:
    address = address_of(getattr(request, "scope", {}))
    principals = [staff_principal(request.user, session.sid, address) for session in sessions]
    changed, problems = async_to_sync(_perform_all)(action, principals, stated)
    for sid, message in problems:
        messages.error(request, f"{message} ({sid})" if len(sessions) > 1 and sid else message)
    if changed:
        text = _("{action}: done.") if len(sessions) == 1 else _("{action}: {count} sessions changed.")
        messages.success(request, text.format(action=action.title, count=changed))
    elif not problems:
        messages.info(request, _("{action}: nothing had to be changed.").format(action=action.title))


async def _perform_all(
    action: SessionAction, principals: Sequence[Principal], stated: dict[str, Any]
) -> tuple[int, list[tuple[str, str]]]:
    """How many sessions were changed, and what went wrong: the session, empty for all of them, and a sentence."""
    changed, problems = 0, []
    turns = asyncio.Semaphore(CONCURRENT)

    async def perform_one(principal: Principal) -> bool:
        async with turns:
            return await perform(action, principal, dict(stated))

    outcomes = await asyncio.gather(*map(perform_one, principals), return_exceptions=True)
    for principal, outcome in zip(principals, outcomes, strict=True):
        if isinstance(outcome, DoqchatError):
            problems.append((principal.sid, _(outcome.message)))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            changed += outcome
    if changed:
        try:
            await finish(action)
        except DoqchatError as error:
            problems.append(("", _(error.message)))
    return changed, problems
