"""API keys and invites in the admin. They can only be revoked; a new key is shown once."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.access import invites
from chat.access.api_keys import new_secret
from chat.models import ApiKey, Credential, Invite, digest_of
from doqchat.errors import DoqchatError


class CredentialAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter when it runs
    """A list of credentials, with an action that revokes them."""

    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the user may revoke: that changes a credential."""
        return super().has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Credential | None = None) -> bool:
        """Nothing else of a credential can be changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Credential | None = None) -> bool:
        """Revoked credentials stay in the list."""
        return False


@admin.register(Invite)
class InviteAdmin(CredentialAdmin):
    """Invites, without their links. They are created on the home page and over HTTP."""

    list_display = ("sid", "role", "name", "uses_left", "expires_at", "created_at", "revoked_at")
    search_fields = ("sid",)
    ordering = ("-created_at",)

    @admin.action(description=_("Revoke selected invites and their memberships"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Invite]) -> None:
        try:
            for invite in chosen:
                async_to_sync(invites.revoke)(invite)
        except DoqchatError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.message_user(request, _("The selected invites are revoked."))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The admin does not show links."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(CredentialAdmin):
    """API keys. Adding one shows it."""

    list_display = ("name", "scopes", "created_at", "revoked_at")
    fields = ("name", "scopes")

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
