"""Sessions over HTTP: messages and settings, for programs without a socket."""

import asyncio
from dataclasses import replace
from typing import Annotated, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Field, Query, Router, Schema
from pydantic import ValidationError
from pydantic_core import from_json

from chat.access.credentials import principal_of
from chat.access.permissions import manager_of
from chat.api import openapi
from chat.api.bodies import json_text
from chat.api.errors import refusals
from chat.audit import Action, Actor, record
from chat.audit_batches import batches
from doqchat.access.principal import Principal
from doqchat.engine import engine
from doqchat.errors import InvalidJSON, InvalidMessage, RateLimited
from doqchat.llm import llms
from doqchat.moderation import Moderator
from doqchat.overview import overview
from doqchat.protocol.events import Can, Reason
from doqchat.protocol.frames import parse, refusal
from doqchat.protocol.names import DEFAULT_ROLE, DisplayName, HumanRole
from doqchat.store.settings import SessionSettings
from doqchat.store.stream import Appended
from doqchat.submission import configure, submit

router = Router(tags=["sessions"])

Why = Annotated[Reason | None, Query(description="One line for the members.")]

Role = Annotated[HumanRole, Query(description="With open access: who changes them, as the members are told.")]
Name = Annotated[DisplayName | None, Query(description="With open access: that person's name.")]


class StoredMessage(Schema):
    """A stored message."""

    id: str = Field(description="The id of its event.")
    duplicate: bool = Field(
        description="Whether it had been stored before with this `msg_id`; then nothing new is stored."
    )


class VisibleSettings(SessionSettings):
    """The settings of a session."""

    system: str | None = Field(  # type: ignore[assignment]  # wider than what can be set
        None, description="Instructions for the model; `null` without the capability `configure`."
    )


class Overview(Schema):
    """A session: what the caller may do in it, its settings and current counts."""

    sid: str
    can: Can
    settings: VisibleSettings
    messages: int = Field(description="Durable events.")
    members: dict[str, int] = Field(description="Number of connections per role.")
    replies: int = Field(description="Active replies.")


@router.get(
    "/{sid}",
    response={200: Overview} | refusals(401, 403, 409, 429, 503),
    summary="What you may do in a session, its settings and counts",
)
async def read_session(request: HttpRequest, sid: openapi.Sid) -> Overview:
    """What the caller may do in a session, its settings and counts; one that does not exist yet has the defaults."""
    principal = (await manager_of(request, sid)).principal
    principal.require("read")
    return await _overview(principal)


@router.patch(
    "/{sid}",
    response={200: Overview} | refusals(401, 403, 409, 429, 503),
    summary="Change a session's settings",
    openapi_extra=openapi.body(openapi.SessionChanges),
)
async def change_session(
    request: HttpRequest, sid: openapi.Sid, role: Role = DEFAULT_ROLE, name: Name = None
) -> Overview:
    """Change the given settings; `null` restores a default.

    Policy `off` lets a person take over: a running automatic reply is withdrawn.
    """
    principal, changes = (await manager_of(request, sid)).principal, _changes(request)
    by = principal if principal.verified else replace(principal, role=role, name=name)
    await configure(engine(), by, changes)
    await record(Action.CONFIGURED, sid, Actor.of(principal), settings=changes)
    return await _overview(principal)


@router.post(
    "/{sid}/messages",
    response={201: StoredMessage, 200: StoredMessage} | refusals(401, 403, 409, 422, 429, 503, 504),
    summary="Send a message to a session",
    openapi_extra=openapi.body(openapi.NewMessage, openapi.NewRequest),
)
async def send_message(request: HttpRequest, sid: openapi.Sid) -> JsonResponse:
    """Send a `chat.message` or an `llm.request` as over the socket. 201 with its id; 200 when it is a duplicate.

    503: it is not stored. 504: the outcome is unknown; send it again with the same `msg_id`.
    """
    principal = await principal_of(request, sid)
    try:
        appended = cast(Appended, await submit(engine(), principal, parse(json_text(request))))
    except RateLimited as refusal:
        batches().limited(principal, refusal)
        raise
    answer = {"id": appended.id, "duplicate": appended.duplicate}
    return JsonResponse(answer, status=200 if appended.duplicate else 201)


@router.delete("/{sid}", response={204: None} | refusals(401, 403, 409, 429, 503), summary="Close a session")
async def close_session(request: HttpRequest, sid: openapi.Sid, reason: Why = None) -> HttpResponse:
    """Close a session: replies are cancelled, connections are closed with 4410, and messages get `session_closed`.

    Its history can still be read over HTTP.
    """
    by = (await manager_of(request, sid)).principal
    if await Moderator(engine(), by).close(reason):
        await record(Action.CLOSED, sid, Actor.of(by), reason=reason)
    return HttpResponse(status=204)


async def _overview(principal: Principal) -> Overview:
    sid = principal.sid
    settings, known = await asyncio.gather(engine().settings.of(sid), overview(engine(), sid))
    visible = VisibleSettings(**settings.visible(configure="configure" in principal.can))
    can, messages, members, replies = sorted(principal.can), known.messages, known.members, known.replies
    return Overview(sid=sid, can=can, settings=visible, messages=messages, members=members, replies=replies)


def _changes(request: HttpRequest) -> dict[str, str]:
    """The settings to change; an empty value means the default. Raises InvalidMessage for unknown settings."""
    try:
        asked = from_json(json_text(request), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidJSON(f"The body is not JSON: {error}.") from None
    if not isinstance(asked, dict):
        raise InvalidMessage("Send an object of settings.")
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        SessionSettings.model_validate(given)
    except ValidationError as error:
        raise refusal(error) from None
    if given.get("llm", "default") not in llms:
        raise InvalidMessage(llms.unknown(given["llm"]), field="llm")
    unknown = asked.keys() - SessionSettings.model_fields.keys()
    if unknown:
        raise InvalidMessage(f"There is no setting {min(unknown)!r}.", field=min(unknown))
    return {name: "" if value is None else str(value) for name, value in asked.items()}
