"""Moderation over HTTP: for staff, programs with an API key, and members with `moderate`."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router

from chat.access.permissions import manager_of
from chat.api import openapi
from chat.api.bodies import read_body
from chat.api.errors import refusals
from chat.api.sessions import Why
from chat.audit import Action, Actor, record
from doqchat.access.principal import Principal
from doqchat.engine import engine
from doqchat.moderation import Moderator
from doqchat.protocol.events import EntryId
from doqchat.protocol.names import HumanRole

router = Router(tags=["moderation"])

MessageId = Annotated[EntryId, Path(description="The id of the event.")]


@router.delete(
    "/{sid}/messages/{message_id}",
    response={204: None} | refusals(401, 403, 409, 429, 503),
    summary="Remove a message",
)
async def remove_message(
    request: HttpRequest, sid: openapi.Sid, message_id: MessageId, reason: Why = None
) -> HttpResponse:
    """Remove what a message, a request or a reply says, for all members, in the history, searches and prompts.

    A placeholder keeps its place; a running reply to it is cancelled.
    """
    by = (await manager_of(request, sid)).principal
    if await Moderator(engine(), by).remove(message_id, reason):
        await _record(Action.REMOVED, by, id=message_id, reason=reason)
    return HttpResponse(status=204)


@router.put(
    "/{sid}/mutes/{role}",
    response={204: None} | refusals(401, 403, 409, 429, 503),
    summary="Mute a role",
    openapi_extra=openapi.body(openapi.Mute),
)
async def mute_role(request: HttpRequest, sid: openapi.Sid, role: HumanRole) -> HttpResponse:
    """Refuse messages and requests of a role with `muted`, for some time or until it is unmuted."""
    by, wanted = (await manager_of(request, sid)).principal, read_body(request, openapi.Mute)
    await Moderator(engine(), by).mute(role, wanted.seconds, wanted.reason)
    await _record(Action.MUTED, by, role=role, seconds=wanted.seconds, reason=wanted.reason)
    return HttpResponse(status=204)


@router.delete("/{sid}/mutes/{role}", response={204: None} | refusals(401, 403, 409, 429, 503), summary="Unmute a role")
async def unmute_role(request: HttpRequest, sid: openapi.Sid, role: HumanRole) -> HttpResponse:
    """Accept messages of a role again."""
    by = (await manager_of(request, sid)).principal
    if await Moderator(engine(), by).unmute(role):
        await _record(Action.UNMUTED, by, role=role)
    return HttpResponse(status=204)


@router.post("/{sid}/reopen", response={204: None} | refusals(401, 403, 409, 429, 503), summary="Reopen a session")
async def reopen_session(request: HttpRequest, sid: openapi.Sid) -> HttpResponse:
    """Reopen a closed session."""
    by = (await manager_of(request, sid)).principal
    if await Moderator(engine(), by).reopen():
        await _record(Action.REOPENED, by)
    return HttpResponse(status=204)


@router.post(
    "/{sid}/revocations",
    response={204: None} | refusals(401, 403, 409, 429, 503),
    summary="Revoke tokens of a session",
    openapi_extra=openapi.body(openapi.Revocation),
)
async def revoke_tokens(request: HttpRequest, sid: openapi.Sid) -> HttpResponse:
    """Revoke a token by its `jti`, the tokens of a holder by `sub`, or all; their connections are closed.

    By `sub` and `all`, only tokens issued until now are revoked.
    """
    by, what = (await manager_of(request, sid)).principal, read_body(request, openapi.Revocation).named()
    await Moderator(engine(), by).revoke(what)
    await _record(Action.REVOKED, by, what=what)
    return HttpResponse(status=204)


async def _record(action: Action, by: Principal, **detail: object) -> None:
    await record(action, by.sid, Actor.of(by), **detail)
