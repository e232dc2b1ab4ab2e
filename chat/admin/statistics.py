"""The statistics in the admin."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from chat.admin.read_only import ReadOnlyAdmin
from chat.models import Statistics


@admin.register(Statistics)
class StatisticsAdmin(ReadOnlyAdmin):
    """One page of plots."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The plots, see chat/templatetags/plots.py."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": capfirst(self.opts.verbose_name_plural),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/doqchat/statistics/page.html", context)

    def change_view(self, request: HttpRequest, *arguments: Any, **more: Any) -> HttpResponse:
        """A single count has no page."""
        return self.changelist_view(request)
