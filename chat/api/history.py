"""The history of a session over HTTP."""

import asyncio
from collections import defaultdict
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema
from pydantic import AfterValidator
from pydantic_core import to_json

from chat.access.credentials import principal_of
from chat.api import openapi
from chat.api.errors import refusals
from chat.api.event_filters import EventFilters
from doqchat.engine import engine
from doqchat.errors import Unavailable
from doqchat.protocol.names import LONGEST_SEARCH
from doqchat.store.history import Search
from doqchat.store.reader import Entry
from doqchat.store.search import checked_search

ENVELOPES_A_TURN = 20
"""How many envelopes of a page are encoded before yielding to the event loop."""

router = Router(tags=["history"])


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

    def search(self) -> Search:
        """The query in the engine's terms."""
        return Search(
            after=self.after,
            before=self.before,
            participant=self.participant,
            event=self.event,
            text=self.q,
            limit=self.limit,
            newest_first=self.order == "desc",
        )


@router.get(
    "/{sid}",
    response={200: History} | refusals(401, 403, 409, 429, 503),
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
