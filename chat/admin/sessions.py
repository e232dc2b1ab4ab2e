"""The admin: the list of sessions with their current activity, their events, and what administrators do to them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chat.access.permissions import staff_principal
from chat.admin.read_only import ReadOnlyAdmin
from chat.admin.search import search_view
from chat.admin.session_action_forms import Nothing
from chat.admin.session_actions import ACTIONS, DOWNLOAD, SessionAction
from chat.admin.session_confirmation import ask, confirm, is_confirmed, may
from chat.admin.session_filters import NowFilter, RecordFilter
from chat.admin.session_rows import synchronise
from chat.admin.session_timeline import timeline
from chat.audit import Action, Actor, record
from chat.exports.files import export_response
from chat.exports.formats import MEDIA_TYPES
from chat.models import ChatSession
from doqchat.archive.models import ArchivedSession
from doqchat.engine import engine
from doqchat.errors import DoqchatError, NotFound, Unreadable
from doqchat.limits.addresses import address_of
from doqchat.moderation import report
from doqchat.overview import Overview, overviews
from doqchat.protocol.events import SessionNotice
from doqchat.protocol.ids import parse_id
from doqchat.store.exports import Exported

EXPORTED = SessionNotice(code="exported", text="An administrator has exported this session.")


class SessionList(ChangeList):
    """The list; the activity of the rows on the page is read in one batch of commands and one query."""

    def get_results(self, request: HttpRequest) -> None:
        """The page's rows; without activity while the store is unreachable."""
        super().get_results(request)
        self.result_list = sessions = list(self.result_list)
        sids = [session.sid for session in sessions]
        held = set(ArchivedSession.objects.filter(sid__in=sids, hold=True).values_list("sid", flat=True))
        for session in sessions:
            session.hold = session.sid in held
        with suppress(DoqchatError):
            now = async_to_sync(_now)(sids)
            for session in sessions:
                session.now = now[session.sid]
                session.unreadable = session.now is None


@admin.register(ChatSession)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions, last active first. A session's page is its timeline."""

    list_display = (
        "sid",
        "title",
        "message_count",
        "members_online",
        "replies_under_way",
        "kept",
        "last_activity",
        "created_at",
    )
    list_filter = (NowFilter, RecordFilter)
    search_fields = ("sid", "title")
    list_per_page = list_max_show_all = 100
    show_full_result_count = False
    show_facets = ShowFacets.NEVER

    class Media:
        css = {"all": ("doqchat/css/admin.css",)}

    @admin.display(description=_("messages"))
    def message_count(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: now.messages)

    @admin.display(description=_("online"))
    def members_online(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: _listed(now.members))

    @admin.display(description=_("active replies"))
    def replies_under_way(self, session: ChatSession) -> Any:
        return _from_store(session, lambda now: now.replies)

    @admin.display(description=_("kept"))
    def kept(self, session: ChatSession) -> Any:
        """Where the session is, and whether it is on legal hold."""
        facts = [_("legal hold")] if session.hold else []
        if session.now is not None and not session.now.in_store:
            facts.append(_("archive"))
        return " · ".join(map(str, facts)) or "–"

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The actions on several sessions that the user may take."""
        several = [action for action in ACTIONS.values() if action.several and may(request, action)]
        return {action.name: (_on_several(action), action.name, action.title) for action in several}

    def get_urls(self) -> list[URLPattern]:
        """The search in the text of all sessions and the pages of one session, before Django's own."""
        search = partial(search_view, self.admin_site, self.model)
        wrap, name = self.admin_site.admin_view, "doqchat_chatsession"
        return [
            path("search/", wrap(search), name=f"{name}_search"),
            path("<path:object_id>/actions/<slug:name>/", wrap(self.act), name=f"{name}_act"),
            path("<path:object_id>/export/<slug:form>/", wrap(self.export), name=f"{name}_export"),
            *super().get_urls(),
        ]

    def act(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """The confirmation of an action on one session."""
        session, action = self._viewed(request, object_id), ACTIONS.get(name)
        if action is None:
            raise Http404
        return confirm(self.admin_site, request, action, [session], _page_of(session))

    def export(self, request: HttpRequest, object_id: str, form: str) -> HttpResponseBase:
        """A session as a file, after a confirmation; the instructions of the model are in it."""
        session = self._viewed(request, object_id)
        if not may(request, DOWNLOAD):
            raise PermissionDenied
        if form not in MEDIA_TYPES:
            raise Http404
        if not is_confirmed(request):
            return ask(self.admin_site, request, DOWNLOAD, Nothing(), [session], _page_of(session))
        by = Actor.of(staff_principal(request.user, session.sid, address_of(getattr(request, "scope", {}))))
        try:
            return export_response(async_to_sync(_found)(session.sid, by, form), form)
        except NotFound:
            messages.error(request, _("There is nothing to download yet."))
        except DoqchatError as error:
            messages.error(request, gettext(error.message))
        return HttpResponseRedirect(_page_of(session))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SessionList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, after synchronising it with the store."""
        chosen = ACTIONS.get(request.POST.get("action", ""))
        if chosen is not None and not may(request, chosen):
            raise PermissionDenied
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
        session = self._viewed(request, object_id)
        before = parse_id(request.GET.get("before", ""))
        context = {**self.admin_site.each_context(request), "title": session.sid, "opts": self.opts, "before": before}
        try:
            session.now = async_to_sync(_now)([session.sid])[session.sid]
            session.unreadable = session.now is None
            audit = request.user.has_perm("doqchat.view_auditrecord")
            found = async_to_sync(timeline)(session.sid, before, with_records=audit)
            context |= {"timeline": found, "now": session.now}
        except Unreadable:
            session.unreadable = True
            messages.warning(request, _("This session's key in the store has the wrong type. It cannot be read."))
        except DoqchatError:
            messages.warning(request, _("The store does not respond. Reload this page in a moment."))
        session.hold = ArchivedSession.objects.filter(sid=session.sid, hold=True).exists()
        context |= {
            "session": session,
            "online": self.members_online(session),
            "kept": self.kept(session),
            "actions": [action for action in ACTIONS.values() if may(request, action)],
            "may_remove": may(request, ACTIONS["remove"]),
            "formats": list(MEDIA_TYPES) if may(request, DOWNLOAD) else [],
        }
        return TemplateResponse(request, "admin/doqchat/chatsession/timeline.html", context)

    def _viewed(self, request: HttpRequest, object_id: str) -> ChatSession:
        """The session that the user looks at; raises Http404 and PermissionDenied."""
        session: ChatSession | None = self.get_object(request, object_id)
        if session is None:
            raise Http404
        if not self.has_view_permission(request, session):
            raise PermissionDenied
        return session


def _on_several(action: SessionAction) -> Callable[..., HttpResponse]:
    """An action of the list, which leads to its confirmation."""

    def ask(model_admin: SessionAdmin, request: HttpRequest, sessions: Any) -> HttpResponse:
        leads_to = reverse("admin:doqchat_chatsession_changelist")
        return confirm(model_admin.admin_site, request, action, list(sessions), leads_to)

    return ask


def _page_of(session: ChatSession) -> str:
    return reverse("admin:doqchat_chatsession_change", args=[session.pk])


async def _found(sid: str, by: Actor, form: str) -> Exported:
    session = await engine().exports.find(sid)
    await record(Action.EXPORTED, sid, by, format=form)
    await report(engine(), sid, EXPORTED, by.name or None)
    return session


async def _now(sids: Sequence[str]) -> dict[str, Overview | None]:
    return await overviews(engine(), sids)


def _from_store(session: ChatSession, fact: Callable[[Overview], str | int]) -> Any:
    """The value of a column that is read from the store."""
    if session.now is not None:
        return fact(session.now)
    return _("unreadable") if session.unreadable else _("store unreachable")


def _listed(members: dict[str, int]) -> str:
    return " · ".join(f"{role} {count}" for role, count in members.items()) or "–"
