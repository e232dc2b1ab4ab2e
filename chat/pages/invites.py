"""The page of an invite link. Opening it changes nothing, because messengers fetch links for previews."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from chat.access import invites
from chat.addresses import room_address
from chat.models import Invite
from chat.pages.base import counted

GONE = 410


@require_http_methods(["GET", "HEAD", "POST"])
@counted
async def invite(request: HttpRequest, secret: str) -> HttpResponse:
    """Say for which role the link is; POST exchanges it for a membership and leads to the room.

    A link that was already used leads its member to the room.
    """
    found = await invites.find(secret)
    if found is None:
        response = _gone(request)
    elif await invites.is_member(request, found):
        response = _to_room(found)
    elif request.method == "POST":
        response = await _exchange(request, found)
    else:
        response = _offer(request, found) if await invites.is_usable(found) else _gone(request)
    response["Cache-Control"] = "no-store"
    response.setdefault("Referrer-Policy", "no-referrer")
    return response


async def _exchange(request: HttpRequest, found: Invite) -> HttpResponse:
    token = await invites.exchange(found)
    if token is None:
        return _gone(request)
    response = _to_room(found)
    invites.keep_membership(request, response, found.sid, token)
    return response


def _offer(request: HttpRequest, found: Invite) -> HttpResponse:
    """The page with the button.

    Its policy sends no path either, but `no-referrer` would make browsers send `Origin: null` with the form, which
    Django's CSRF protection refuses.
    """
    response = render(request, "doqchat/invite.html", {"role": found.role, "sid": found.sid})
    response["Referrer-Policy"] = "strict-origin"
    return response


def _to_room(found: Invite) -> HttpResponse:
    return redirect(room_address(found.sid, found.role))


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "doqchat/used_link.html", status=GONE)
