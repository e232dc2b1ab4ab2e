"""The audit trail in the admin: read-only."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chat.admin.read_only import ReadOnlyAdmin
from chat.models import AuditRecord


@admin.register(AuditRecord)
class AuditAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = ("at", "sid", "who", "action", "what")
    list_display_links = ("at",)
    list_filter = ("action", "at")
    search_fields = ("=sid", "=subject", "name")
    search_help_text = _("A session name, the subject of a token, or part of a display name.")
    show_full_result_count = False
    fields = ("at", "sid", "action", "subject", "role", "name", "address", "what")

    @admin.display(description=_("by"))
    def who(self, record: AuditRecord) -> str:
        """The name and role of the person, and the subject."""
        known = [record.name, record.role, record.subject and f"({record.subject})"]
        return " ".join(filter(None, known)) or "–"

    @admin.display(description=_("detail"))
    def what(self, record: AuditRecord) -> str:
        """The details on one line."""
        return ", ".join(f"{name}: {value}" for name, value in record.details.items()) or "–"
