"""The filters of the admin's list of sessions."""

from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chat.models import AuditRecord, ChatSession
from doqchat import states
from doqchat.archive.models import ArchivedSession
from doqchat.engine import engine
from doqchat.errors import DoqchatError

Sessions = QuerySet[ChatSession]

_VERDICTS = (AuditRecord.Action.REPLACED, AuditRecord.Action.REJECTED)


class _SessionFilter(admin.SimpleListFilter):
    """A filter of the list; one that needs the store finds nothing while it is unreachable, and says so."""

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        """The sessions with the chosen state."""
        state = self.value()
        if state not in dict(self.lookup_choices):
            return queryset
        try:
            return self.matching(state, queryset)
        except DoqchatError:
            messages.warning(request, _("The store does not respond. This filter requires it."))
            return queryset.none()

    def matching(self, state: str, queryset: Sessions) -> Sessions:
        """The sessions in this state; raises Unavailable."""
        raise NotImplementedError


class NowFilter(_SessionFilter):
    """What happens in the sessions now."""

    title = _("now")
    parameter_name = "now"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("active", _("active")),
            ("stuck", _("a reply is stuck")),
            ("closed", _("closed")),
            ("left", _("only in the archive")),
        ]

    def matching(self, state: str, queryset: Sessions) -> Sessions:
        if state == "left":
            left = ArchivedSession.objects.filter(sid=OuterRef("sid")).exclude(left_at=None)
            return queryset.filter(Exists(left)).exclude(sid__in=async_to_sync(_in_store)())
        return queryset.filter(sid__in=async_to_sync(_now)(state))


class RecordFilter(_SessionFilter):
    """What is recorded about the sessions."""

    title = _("on record")
    parameter_name = "record"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [
            ("filtered", _("a filter's verdict")),
            ("refused", _("access refused or limits hit")),
            ("held", _("on legal hold")),
        ]

    def matching(self, state: str, queryset: Sessions) -> Sessions:
        if state == "held":
            return queryset.filter(sid__in=ArchivedSession.objects.filter(hold=True).values("sid"))
        actions = _VERDICTS if state == "filtered" else (AuditRecord.Action.REFUSED,)
        return queryset.filter(sid__in=AuditRecord.objects.filter(action__in=actions).values("sid"))


async def _in_store() -> list[str]:
    return await states.indexed(engine())


async def _now(state: str) -> set[str]:
    read = {"active": states.active, "stuck": states.stuck, "closed": states.closed}[state]
    return await read(engine())
