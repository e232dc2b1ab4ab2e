"""Search over sessions over HTTP."""

from typing import Annotated, Literal

from django.http import HttpRequest, JsonResponse
from ninja import Field, Query, Router, Schema
from pydantic import AfterValidator, StringConstraints

from chat.access.credentials import count_call, is_staff, refuse_token_in_url
from chat.api.errors import refusals
from chat.api.event_filters import EventFilters
from chat.api.search_scope import MOST_SESSIONS, Scope, scope_of
from chat.search_hits import shown
from doqchat.engine import engine
from doqchat.errors import Forbidden, NotFound
from doqchat.protocol.names import LONGEST_SEARCH, SID_PATTERN
from doqchat.store.search import RANKED, Filters, checked_cursor, checked_search, search_terms

SEES_SITE = "doqchat.view_chatsession"
"""The permission of staff to search all sessions."""

router = Router(tags=["search"])


class FoundExcerpt(Schema):
    """The text around the first match."""

    text: str
    matches: list[tuple[int, int]] = Field(
        description="The first character of each match, and the one after its last, in Unicode code points."
    )


class Hit(Schema):
    """An event that was found."""

    sid: str
    title: str = Field(description="The session's title; empty for none.")
    id: str
    event: str
    role: str
    name: str | None = Field(description="The display name with which it was sent, if any.")
    time: str = Field(description="When it was stored, in RFC 3339.")
    excerpt: FoundExcerpt


class Hits(Schema):
    """A page of events that were found."""

    hits: list[Hit]
    next: str | None = Field(
        description="The `cursor` of the next page; `null` on the last. A page with `next` can be short or empty."
    )
    unreadable: list[str] = Field(description="Sessions that were named and that the caller may not read.")


class SearchQuery(EventFilters):
    """What is searched, and in which sessions."""

    q: Annotated[str, StringConstraints(max_length=LONGEST_SEARCH), AfterValidator(checked_search)] = Field(
        min_length=1, description="Only events whose text contains all words and quoted phrases of this, ignoring case."
    )
    sid: list[Annotated[str, Field(json_schema_extra={"pattern": SID_PATTERN})]] = Field(
        [], max_length=MOST_SESSIONS, description="Only these sessions; required with open access."
    )
    scope: Literal["mine", "site"] = Field("mine", description="`site`: all sessions, for staff.")
    order: Literal["newest", "rank"] = Field(
        "newest", description=f"`rank`: the best of the newest {RANKED} matches first."
    )
    limit: int = Field(20, ge=1, le=100, description="Maximum number of hits per page.")
    cursor: Annotated[str, AfterValidator(checked_cursor)] | None = Field(None, description="The `next` of a page.")

    def filters(self, sids: list[str] | None) -> Filters:
        """The query in the engine's terms."""
        return Filters(search_terms(self.q), sids, self.participant, self.event, self.after, self.before)


@router.get("", response={200: Hits} | refusals(401, 403, 429, 503), summary="Search over sessions")
async def search_sessions(request: HttpRequest, query: Query[SearchQuery]) -> JsonResponse:
    """Search the sessions that the caller may read: those of its tokens, memberships or joins, or those it names.

    New events are found when they are archived, usually within two seconds.
    """
    count_call(request, "search")
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    archive = engine().archive
    if archive is None:
        raise NotFound("This site has no archive, which a search over sessions requires.")
    scope = await _scope(request, query)
    filters = query.filters(None if scope is None else scope.sids)
    found = await archive.search(filters, query.cursor, query.limit, ranked=query.order == "rank")
    hits = await shown(found.hits, filters.terms)
    answer = {"hits": hits, "next": found.next, "unreadable": [] if scope is None else scope.unreadable}
    return JsonResponse(answer, headers={"Cache-Control": "no-store"}, json_dumps_params={"ensure_ascii": False})


async def _scope(request: HttpRequest, query: SearchQuery) -> Scope | None:
    """The sessions of a search; None for all."""
    if query.scope == "mine":
        return await scope_of(request, query.sid)
    if not await is_staff(request, SEES_SITE):
        raise Forbidden("Only staff with the permission to view chat sessions searches the site.")
    return Scope(query.sid) if query.sid else None
