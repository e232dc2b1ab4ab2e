"""Exports of sessions over HTTP."""

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from chat.access.credentials import principal_of
from chat.api import openapi
from chat.api.errors import refusals
from chat.audit import Action, Actor, record
from chat.exports.files import export_head, export_response
from chat.exports.formats import MEDIA_TYPES, FormatName
from doqchat.access.principal import Principal
from doqchat.engine import engine
from doqchat.limits.clients import Call
from doqchat.store.exports import Exported

router = Router(tags=["history"])

_FILE: dict[str, Any] = {"schema": {"type": "string"}}
_HEADERS = {"Content-Disposition": {"description": "The name of the file, from the title.", **_FILE}}
_DOCUMENTED = {
    "description": "The session as a file.",
    "headers": _HEADERS,
    "content": {
        media.partition(";")[0]: {"schema": {} if "json" in media else _FILE["schema"]}
        for media in MEDIA_TYPES.values()
    },
}


class ExportedEvent(Schema):
    """A stored event."""

    id: str
    prev: str
    participant: str
    body: str = Field(description="The stored envelope: JSON without `id` and `prev`.")


class ExportedRetention(Schema):
    """How a session is kept."""

    days: int | None = Field(description="Days for which its events are kept; null for the site's setting.")
    hold: bool = Field(description="Whether it is on legal hold.")
    after: str = Field(description="The id of the last event that retention has removed; `0-0` for none.")


class JSONExport(Schema):
    """An export in JSON."""

    format: Literal["doqchat"]
    version: int
    sid: str
    title: str
    closed: bool = Field(description="Whether a moderator has closed the session.")
    settings: dict[str, Any] = Field(description="The settings that were changed; `system` only for `configure`.")
    read: dict[str, str] = Field(description="The id of the last event that each role has read.")
    muted: dict[str, int] = Field(description="When the mute of each muted role ends, in ms since 1970; 0 for no end.")
    revoked: dict[str, float] = Field(
        {}, description="The time of each revocation by `all`, `jti:ID` or `sub:ID`, in seconds; only for `moderate`."
    )
    retained: ExportedRetention | None = Field(None, description="How it is kept; only for `moderate`.")
    events: list[ExportedEvent]
    count: int = Field(description="The number of events; without it the file is cut off.")


class ExportQuery(Schema):
    """How the session is written."""

    format: FormatName = Field(
        "json",
        description="`json`: everything, as `doqchat_import` reads it. `csv`: for spreadsheets. `md` and `html`: for "
        "people, in the language of the request.",
    )


@router.get(
    "/{sid}/export",
    response={200: JSONExport} | refusals(401, 403, 409, 429, 503),
    summary="Export a session",
    openapi_extra={"responses": {200: _DOCUMENTED}},
)
async def export_session(request: HttpRequest, sid: openapi.Sid, query: Query[ExportQuery]) -> StreamingHttpResponse:
    """The whole session as a file; removed messages are placeholders. 404 for a session without events."""
    principal, session = await _found(request, sid, "export")
    await record(Action.EXPORTED, sid, Actor.of(principal), format=query.format)
    return export_response(session, query.format)


@router.api_operation(["HEAD"], "/{sid}/export", include_in_schema=False)
async def check_export(request: HttpRequest, sid: openapi.Sid, query: Query[ExportQuery]) -> HttpResponse:
    """The headers of an export, which is not recorded."""
    _, session = await _found(request, sid, "other")
    return export_head(session, query.format)


async def _found(request: HttpRequest, sid: str, kind: Call) -> tuple[Principal, Exported]:
    """Who makes the call, and the session with what it may read of it."""
    principal = await principal_of(request, sid, kind)
    principal.require("read")
    session = await engine().exports.find(sid)
    return principal, session.visible(principal.can)
