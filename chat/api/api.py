"""The HTTP API under `/api/chat/` (docs/en/http.md): adapts requests to the engine."""

import asyncio
from collections import defaultdict
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, NinjaAPI, Query, Schema
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from pydantic import AfterValidator
from pydantic_core import to_json

from chat.access.credentials import principal_of
from chat.addresses import socket_path
from chat.api import errors, exports, invites, moderation, openapi, retention, search, sessions
from chat.api.event_filters import EventFilters
from doqchat.engine import engine
from doqchat.errors import Unavailable
from doqchat.protocol import asyncapi
from doqchat.protocol.names import LONGEST_SEARCH
from doqchat.store import history
from doqchat.store.reader import Entry
from doqchat.store.search import checked_search

ENVELOPES_A_TURN = 20
"""How many envelopes of a page are encoded before yielding to the event loop."""


class DocumentedAPI(NinjaAPI):
    """An API whose OpenAPI document includes the bodies that the engine parses."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """The OpenAPI document; `options` are NinjaAPI's."""
        return openapi.add_bodies(super().get_openapi_schema(**options))

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the view function, which generated clients use."""
        return operation.view_func.__name__


api = DocumentedAPI(
    title="doqchat",
    version="1",
    description="Sessions in which two people and a language model talk together.",
    urls_namespace="doqchat:api",
    openapi_url="/openapi.json",
    docs_url="/docs",
    docs=Swagger({"validatorUrl": None}),  # which would be a foreign host
)


class Envelope(Schema):
    """One durable event: `hd` has `event`, `role`, `id`, `prev`, `sid` and `timestamp`; `bd` is the event's own."""

    hd: dict[str, Any]
    bd: Any


class History(Schema):
    """A page of a session's durable events."""

    sid: str
    messages: list[Envelope] | dict[str, list[Envelope]] = Field(
        description="The events in order; with `group_by=participant`, those of each role."
    )
    participants: dict[str, int] = Field(
        description="Number of events per role in the whole session, regardless of the page."
    )
    next: str | None = Field(
        description="The cursor of the next page: pass it as `after`, or as `before` with `order=desc`. No event is "
        "skipped or repeated, even while people talk. A page with `next` can be short or empty. "
        "`null` at the end of the range."
    )


class HistoryQuery(EventFilters):
    """Which events, in which order."""

    q: Annotated[str, AfterValidator(checked_search)] = Field(
        "",
        max_length=LONGEST_SEARCH,
        description="Only events whose text contains all words and quoted phrases of this, ignoring case.",
    )
    limit: int = Field(100, ge=1, le=1000, description="Maximum number of events per page.")
    order: Literal["asc", "desc"] = Field("asc", description="`desc`: newest first.")
    group_by: Literal["participant"] | None = Field(None, description="A list of events for each role.")

    def search(self) -> history.Search:
        """The query in the engine's terms."""
        return history.Search(
            after=self.after,
            before=self.before,
            participant=self.participant,
            event=self.event,
            text=self.q,
            limit=self.limit,
            newest_first=self.order == "desc",
        )


@api.get(
    "/history/{sid}",
    response={200: History} | errors.refusals(401, 403, 409, 429, 503),
    summary="The events of a session",
    tags=["history"],
)
async def read_history(request: HttpRequest, sid: openapi.Sid, query: Query[HistoryQuery]) -> HttpResponse:
    """The session's durable events, oldest first. An empty session has none."""
    (await principal_of(request, sid, "search" if query.q else "history")).require("read")
    try:
        page = await engine().history.page(sid, query.search())
        participants = await engine().participants.counts(sid)
    except Unavailable:
        raise Unavailable("The store cannot be read now; try again in a moment.") from None
    messages = await (_grouped if query.group_by else _listed)(page.entries)
    head, tail = to_json({"sid": sid}), to_json({"participants": participants, "next": page.next})
    content = f'{head[:-1].decode()},"messages":{messages},{tail[1:].decode()}'
    return HttpResponse(content, content_type="application/json", headers={"Cache-Control": "no-store"})


@api.get(
    "/asyncapi.json",
    response={200: dict[str, Any]} | errors.refusals(),
    summary="The events of the socket",
    tags=["socket"],
)
async def read_asyncapi(request: HttpRequest) -> dict[str, Any]:
    """The AsyncAPI 3 document of the socket."""
    return asyncapi.document(socket_path())


async def _listed(entries: list[Entry]) -> str:
    """The envelopes as a JSON array, joined without parsing them."""
    envelopes = []
    for number, entry in enumerate(entries, 1):
        envelopes.append(entry.wire())
        if number % ENVELOPES_A_TURN == 0:
            await asyncio.sleep(0)
    return "[" + ",".join(envelopes) + "]"


async def _grouped(entries: list[Entry]) -> str:
    by_role: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_role[entry.participant].append(entry)
    groups = [f"{to_json(role).decode()}:{await _listed(by_role[role])}" for role in sorted(by_role)]
    return "{" + ",".join(groups) + "}"


api.add_router("/sessions", sessions.router)
api.add_router("/sessions", exports.router)
api.add_router("/sessions", invites.router)
api.add_router("/sessions", moderation.router)
api.add_router("", retention.router)
api.add_router("/search", search.router)
errors.report_in_json(api)
