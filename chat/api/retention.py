"""Retention and erasure over HTTP: for staff with the permission, and programs with the scope `retention`."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from chat import erasure, retention
from chat.access.permissions import keeper_of
from chat.api import openapi
from chat.api.bodies import read_body
from chat.api.errors import refusals

router = Router(tags=["retention"])


class Erased(Schema):
    """What was or would be erased."""

    events: dict[str, int] = Field(description="The number of events by session.")
    held: list[str] = Field(description="Sessions on legal hold, of which nothing is erased.")


@router.post(
    "/erasures",
    response={200: Erased} | refusals(401, 403, 404, 409, 429, 503),
    summary="Erase a session or a person",
    openapi_extra=openapi.body(openapi.Erasure),
)
async def erase(request: HttpRequest) -> Erased:
    """Erase what was said in a session, or by a person in all sessions. It cannot be undone.

    Placeholders keep the events' ids and order; members are notified. Names, audit records and the files of the store
    and the database are cleaned too; backups that were made before still contain it.
    """
    by, wanted = await keeper_of(request), read_body(request, openapi.Erasure)
    if wanted.sid is not None:
        found = await erasure.erase_session(wanted.sid, by, dry_run=wanted.dry_run)
    else:
        found = await erasure.erase_person(wanted.sub or "", by, replies=wanted.replies, dry_run=wanted.dry_run)
    # Also if nothing is found any more: an earlier call may have been interrupted before this.
    if not wanted.dry_run and not (wanted.sid is not None and found.held):
        await erasure.rewrite_files()
    return Erased(events=dict(found.events), held=sorted(found.held))


class Kept(Schema):
    """How long a session is kept."""

    days: int | None = Field(description="Days for which its events are kept; `null` for the site's setting.")
    hold: bool = Field(description="Legal hold: nothing is deleted or erased while it lasts.")


@router.get(
    "/sessions/{sid}/retention",
    response={200: Kept} | refusals(401, 403, 404, 429, 503),
    summary="Read how long a session is kept",
)
async def read_retention(request: HttpRequest, sid: openapi.Sid) -> retention.Kept:
    """For how long a session's events are kept, and whether it is on legal hold."""
    await keeper_of(request)
    return await retention.read(sid)


@router.put(
    "/sessions/{sid}/retention",
    response={204: None} | refusals(401, 403, 404, 409, 429, 503),
    summary="Set how long a session is kept",
    openapi_extra=openapi.body(openapi.Retention),
)
async def set_retention(request: HttpRequest, sid: openapi.Sid) -> HttpResponse:
    """Set for how long a session's events are kept, and whether it is on legal hold, of which members are notified.

    Omitted fields do not change.
    """
    by, wanted = await keeper_of(request), read_body(request, openapi.Retention)
    await retention.change(sid, by, **cast(retention.Kept, wanted.model_dump(exclude_unset=True)))
    return HttpResponse(status=204)
