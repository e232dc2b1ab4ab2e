"""The admin: a read-only list of the sessions, their current activity and their events."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from chat import audit_admin, credentials_admin, webhooks_admin  # noqa: F401  # importing registers them
from chat.models import ChatSession, synchronise
from chat.search_admin import search_view
from chat.session_timeline import timeline
from doqchat.engine import engine
from doqchat.errors import DoqchatError, Unreadable
from doqchat.overview import Overview, overviews
from doqchat.protocol.ids import parse_id


class SessionList(ChangeList):
    """The list; the activity of the rows on the page is read from the store in one round trip."""

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows; without activity while the store is unreachable."""
        super().get_results(request)
        self.result_list = sessions = list(self.result_list)
        with suppress(DoqchatError):
            now = async_to_sync(_now)([session.sid for session in sessions])
            for session in sessions:
                session.now = now[session.sid]
                session.unreadable = session.now is None


@admin.register(ChatSession)
class SessionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter when it runs
    """Sessions, last active first. A session's page is its timeline."""

    list_display = ("sid", "message_count", "members_online", "last_activity", "replies_under_way", "created_at")
    search_fields = ("sid",)
    list_per_page = list_max_show_all = 100
    show_full_result_count = False

    @admin.display(description=_("messages"))
    def message_count(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: now.messages)

    @admin.display(description=_("online"))
    def members_online(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: _listed(now.members))

    @admin.display(description=_("active replies"))
    def replies_under_way(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: now.replies)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Sessions begin when people join them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ChatSession | None = None) -> bool:
        """Events cannot be changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ChatSession | None = None) -> bool:
        """A deleted row would reappear, because the session is in the store."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """The admin's URLs, and the search in the text of all sessions."""
        view = self.admin_site.admin_view(partial(search_view, self.admin_site, self.model))
        return [path("search/", view, name="doqchat_chatsession_search"), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, after synchronising it with the store."""
        try:
            synchronise()
        except DoqchatError:
            messages.warning(request, _("The store does not respond. The list shows its last known state."))
        return super().changelist_view(
            request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The events of a session, newest first; `?before=ID` continues before an event."""
        session = self.get_object(request, object_id)
        if session is None:
            raise Http404
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        before = parse_id(request.GET.get("before", ""))
        context = {**self.admin_site.each_context(request), "title": session.sid, "opts": self.opts, "before": before}
        try:
            session.now = async_to_sync(_now)([session.sid])[session.sid]
            session.unreadable = session.now is None
            context |= {"timeline": async_to_sync(timeline)(session.sid, before), "now": session.now}
        except Unreadable:
            session.unreadable = True
            messages.warning(request, _("This session's key in the store has the wrong type. It cannot be read."))
        except DoqchatError:
            messages.warning(request, _("The store does not respond. Reload this page in a moment."))
        context |= {"session": session, "online": self.members_online(session)}
        return TemplateResponse(request, "admin/doqchat/chatsession/timeline.html", context)


async def _now(sids: Sequence[str]) -> dict[str, Overview | None]:
    return await overviews(engine(), sids)


def _from_store(session: ChatSession, fact: Callable[[Overview], str | int]) -> Any:
    """The value of a column that is read from the store."""
    if session.now is not None:
        return fact(session.now)
    return _("unreadable") if session.unreadable else _("store unreachable")


def _listed(members: dict[str, int]) -> str:
    return " · ".join(f"{role} {count}" for role, count in members.items()) or "–"
