"""The home page: new sessions, the reader's sessions, and sessions by name."""

import logging

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chat import wording
from chat.addresses import room_address
from chat.pages.base import counted, known_role
from chat.pages.new_session import NewSessionForm, create, may_create
from chat.pages.recent import memberships
from chat.sids import has_a_page
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import DoqchatError

log = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@counted
async def home(request: HttpRequest) -> HttpResponse:
    """The home page. POST creates a session, and leads into its room or, with tokens, shows its links.

    With `sid` in the query it leads into the room of that session.
    """
    creates = await may_create(request)
    if request.method == "POST" and not creates:
        raise PermissionDenied
    if request.method == "POST":
        return await _create(request, NewSessionForm(request.POST))
    sid = request.GET.get("sid", "").strip()
    if has_a_page(sid):
        return redirect(room_address(sid, known_role(request.GET.get("role", "A"))))
    if "sid" in request.GET:
        return await entrance(request, sid, status=400)
    return await entrance(request, form=NewSessionForm() if creates else None)


async def _create(request: HttpRequest, form: NewSessionForm) -> HttpResponse:
    if not form.is_valid():
        return await entrance(request, form=form, status=400)
    try:
        created = await create(request, form)
    except DoqchatError as error:
        log.warning("A session could not be created: %s", error)
        form.add_error(None, _("The session could not be created right now. Try again in a moment."))
        return await entrance(request, form=form, status=503)
    if access_mode() == "open":
        return redirect(room_address(created.sid, created.role))
    response = render(request, "doqchat/new_session.html", {"created": created, "wording": wording.wording()})
    response["Cache-Control"] = "no-store"
    return response


async def entrance(
    request: HttpRequest, sid: str | None = None, form: NewSessionForm | None = None, status: int = 200
) -> HttpResponse:
    """Render the home page.

    Args:
        request: the request.
        sid: the invalid session name that was requested; None for none.
        form: the form of a new session, which staff gets in any case and everyone with open access.
        status: the status of the response.
    """
    if form is None and access_mode() == "open":
        form = NewSessionForm()
    context = {
        "sid": sid,
        "form": form,
        "joins": access_mode() == "open",
        "memberships": await memberships(request),
        "searches": engine().archive is not None,
        "wording": wording.home(),
    }
    return render(request, "doqchat/home.html", context, status=status)
