"""The admin's search in the text of all sessions."""

from collections.abc import Iterable, Iterator
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from chat.models import ChatSession
from chat.search_hits import shown
from doqchat.engine import engine
from doqchat.errors import DoqchatError
from doqchat.protocol.ids import id_after, time_of
from doqchat.protocol.names import LONGEST_SEARCH
from doqchat.store.older import Archive
from doqchat.store.search import Filters, checked_cursor, checked_search, search_terms

ON_A_PAGE = 50


def search_view(site: admin.AdminSite, model: type[Model], request: HttpRequest) -> HttpResponse:
    """Hits in all sessions, newest first; `?q=TEXT`, and `&cursor=` for the next page."""
    if not request.user.has_perm("doqchat.view_chatsession"):
        raise PermissionDenied
    query, cursor = request.GET.get("q", ""), request.GET.get("cursor") or None
    context = {**site.each_context(request), "title": _("Search in messages"), "opts": model._meta, "q": query}
    if len(query) > LONGEST_SEARCH:
        messages.warning(request, _("Search for at most {count} characters.").format(count=LONGEST_SEARCH))
    elif query:
        try:
            context |= async_to_sync(_found)(checked_search(query), cursor and checked_cursor(cursor))
        except ValueError:
            messages.warning(request, _("Search for at least two consecutive letters or digits."))
        except DoqchatError:
            messages.warning(request, _("The search failed. Try again in a moment."))
    return TemplateResponse(request, "admin/doqchat/chatsession/search.html", context)


async def _found(query: str, cursor: str | None) -> dict[str, Any]:
    terms, archive = search_terms(query), engine().archive
    if archive is None:
        return {"hits": [], "next": None}
    found = await archive.search(Filters(terms), cursor, ON_A_PAGE, ranked=False)
    hits = await shown(found.hits, terms)
    sids = {hit["sid"] for hit in hits}
    await _list(archive, sids)
    rows = ChatSession.objects.filter(sid__in=sids)
    keys = {session.sid: session.pk async for session in rows}
    return {"hits": list(_rows(hits, keys)), "next": found.next}


async def _list(archive: Archive, sids: set[str]) -> None:
    """Add rows for sessions that left the store before the list was first synchronised with it."""
    missing = sids - {sid async for sid in ChatSession.objects.filter(sid__in=sids).values_list("sid", flat=True)}
    rows = []
    for sid in missing:
        known, first = await archive.known(sid), await archive.first_id(sid)
        if known is not None and first is not None:
            rows.append(ChatSession(sid=sid, created_at=time_of(first), last_activity=time_of(known.copied)))
    await ChatSession.objects.abulk_create(rows, ignore_conflicts=True)


def _rows(hits: Iterable[dict[str, Any]], keys: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Hits as the template shows them; `key` is that of the session's row, if it has one."""
    for hit in hits:
        excerpt = hit["excerpt"]
        yield hit | {
            "key": keys.get(hit["sid"]),
            "before": id_after(hit["id"]),
            "time": parse_datetime(hit["time"]),
            "pieces": list(_pieces(excerpt["text"], excerpt["matches"])),
        }


def _pieces(text: str, matches: Iterable[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The parts of an excerpt, and whether each is a match."""
    end = 0
    for first, last in matches:
        yield text[end:first], False
        yield text[first:last], True
        end = last
    yield text[end:], False
