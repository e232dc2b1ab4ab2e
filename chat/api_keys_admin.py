"""API keys in the admin: a key is shown once, when it is added, and can only be revoked."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.api_keys import new_secret
from chat.models import ApiKey, digest_of


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter when it runs
    """The list of API keys, with an action that revokes them."""

    list_display = ("name", "scopes", "created_at", "revoked_at")
    fields = ("name", "scopes")
    actions = ("revoke",)

    @admin.action(description=_("Revoke selected API keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        keys.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, _("The selected API keys are revoked."))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        secret = new_secret()
        obj.digest = digest_of(secret)
        super().save_model(request, obj, form, change)
        text = _("The API key is %(key)s. Copy it now: it is not shown again.") % {"key": secret}
        self.message_user(request, text, messages.WARNING)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("doqchat.change_apikey")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A stored key is not changed, only revoked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked keys stay in the list."""
        return False
