"""Invites over HTTP: for staff, programs with an API key, and moderators of a session."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Field, Path, Router, Schema

from chat.access import invites
from chat.access.invite_links import InviteLink, InviteState, links_to, state_of
from chat.access.invites import NewInvite
from chat.access.permissions import inviter_of
from chat.api import openapi
from chat.api.bodies import read_body
from chat.api.errors import refusals
from chat.audit import Action, Actor, record
from chat.models import Invite
from chat.sids import new_sid
from doqchat.access.tokens import mint
from doqchat.conf import access_mode, token_key
from doqchat.errors import NotFound
from doqchat.protocol.names import MemberRole
from doqchat.store.revocations import by_subject

TOKEN_SECONDS = 12 * 3600
"""Lifetime of the tokens that a program gets with a new session."""

router = Router(tags=["invites"])

InviteId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The invite.")]


class InviteLinks(Schema):
    """New invites."""

    sid: str
    invites: list[InviteLink]


class NewSessionLinks(InviteLinks):
    """A new session with its invites."""

    tokens: dict[MemberRole, str] | None = Field(
        description="A token for each role of the invites, valid for 12 hours; `null` without an API key."
    )


class InviteStates(Schema):
    """The invites of a session."""

    sid: str
    invites: list[InviteState]


@router.post(
    "",
    response={201: NewSessionLinks} | refusals(401, 403, 409, 429, 503),
    summary="Create a session with invites",
    openapi_extra=openapi.body(openapi.NewSession),
)
async def create_session(request: HttpRequest) -> HttpResponse:
    """Create invites to a session, by default a single-use link for each of A and B.

    Requires staff, or an API key with the scope `sessions`.
    """
    inviter = await inviter_of(request, None)
    wanted = read_body(request, openapi.NewSession)
    sid = wanted.sid or new_sid()
    links = await links_to(request, sid, wanted.invites)
    tokens = {link.role: _token(sid, link.role) for link in links} if inviter.kind == "program" else None
    await record(Action.CREATED, sid, Actor.of(inviter.principal), invites=[_described(link) for link in links])
    return _created(NewSessionLinks(sid=sid, invites=links, tokens=tokens))


@router.post(
    "/{sid}/invites",
    response={201: InviteLinks} | refusals(401, 403, 409, 429, 503),
    summary="Create an invite to a session",
    openapi_extra=openapi.body(NewInvite),
)
async def create_invite(request: HttpRequest, sid: openapi.Sid) -> HttpResponse:
    """Create an invite. Requires staff, an API key with the scope `sessions`, or a token with `moderate`."""
    inviter = await inviter_of(request, sid)
    links = await links_to(request, sid, [read_body(request, NewInvite)])
    await record(Action.INVITED, sid, Actor.of(inviter.principal), invites=[_described(link) for link in links])
    return _created(InviteLinks(sid=sid, invites=links))


@router.get(
    "/{sid}/invites",
    response={200: InviteStates} | refusals(401, 403, 409, 429, 503),
    summary="The invites of a session",
)
async def list_invites(request: HttpRequest, sid: openapi.Sid) -> InviteStates:
    """The invites of a session, newest first, without their links."""
    await inviter_of(request, sid)
    found = [] if access_mode() == "open" else [each async for each in Invite.objects.filter(sid=sid).order_by("-pk")]
    return InviteStates(sid=sid, invites=[state_of(each) for each in found])


@router.delete(
    "/{sid}/invites/{invite_id}",
    response={204: None} | refusals(401, 403, 409, 429, 503),
    summary="Revoke an invite",
)
async def revoke_invite(request: HttpRequest, sid: openapi.Sid, invite_id: InviteId) -> HttpResponse:
    """Revoke an invite: its link no longer works, and the connections of its members are closed with 4403."""
    inviter = await inviter_of(request, sid)
    invite = None if access_mode() == "open" else await Invite.objects.filter(sid=sid, pk=invite_id).afirst()
    if invite is None:
        raise NotFound(f"The session has no invite {invite_id}.", field="invite_id")
    await invites.revoke(invite)
    await record(Action.REVOKED, sid, Actor.of(inviter.principal), what=by_subject(invite.subject))
    return HttpResponse(status=204)


def _described(link: InviteLink) -> dict[str, object]:
    """An invite in the audit trail."""
    return link.model_dump(mode="json", include={"id", "role", "name"})


def _token(sid: str, role: str) -> str:
    return mint(token_key(), {"sid": sid, "role": role}, TOKEN_SECONDS)


def _created(answer: Schema) -> JsonResponse:
    return JsonResponse(answer.model_dump(mode="json"), status=201, headers={"Cache-Control": "no-store"})
