"""The database: sessions, for the admin; invites, API keys and the audit trail."""

import json
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.webhooks.models import WebhookDelivery, WebhookEndpoint  # noqa: F401  # they are models of this app
from doqchat.archive.models import HourlyCount
from doqchat.overview import Overview
from doqchat.protocol.names import LONGEST_TITLE


class ChatSession(models.Model):
    """A session in the admin's list, see chat/admin/session_rows.py."""

    sid = models.CharField(_("session name"), max_length=64, unique=True)
    title = models.CharField(_("title"), max_length=LONGEST_TITLE, blank=True, default="")
    created_at = models.DateTimeField(_("began"))
    last_activity = models.DateTimeField(_("last activity"), db_index=True)

    # not columns: the admin reads these from the store and the archive for the rows on the page
    now: Overview | None = None
    unreadable = False
    hold = False

    class Meta:
        verbose_name = _("chat session")
        verbose_name_plural = _("chat sessions")
        ordering = ["-last_activity"]
        permissions = [
            ("moderate_chatsession", _("Can moderate sessions")),
            ("export_chatsession", _("Can export sessions")),
            ("erase_chatsession", _("Can decide what is kept of sessions, and erase it")),
        ]

    def __str__(self) -> str:
        return self.sid


def digest_of(secret: str) -> str:
    """The digest under which a random secret is stored; it needs no salt."""
    return sha256(secret.encode()).hexdigest()


class Credential(models.Model):
    """A random secret, of which only the digest is stored."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        abstract = True


class Invite(Credential):
    """An invite to a session, whose secret is in a link.

    Attributes:
        name: the display name of its members; empty for none.
        expires_at: when the link expires; None for never. Memberships have their own lifetime.
        uses_left: how many memberships it can still be exchanged for; None for any number.
    """

    sid = models.CharField(_("session name"), max_length=64, db_index=True)
    role = models.CharField(_("role"), max_length=8)
    name = models.CharField(_("display name"), max_length=40, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    uses_left = models.PositiveIntegerField(_("uses left"), null=True, default=1)

    class Meta:
        verbose_name = _("invite")
        verbose_name_plural = _("invites")

    def __str__(self) -> str:
        return f"{self.sid}: {self.role}"

    @property
    def subject(self) -> str:
        """The `sub` of its members' tokens, by which they are revoked."""
        return f"invite:{self.pk}"


class AuditRecord(models.Model):
    """Who did what in a session, see chat/audit.py.

    Attributes:
        subject: who did it: the `sub` of a token, `user:ID` or `key:NAME`; empty with open access.
        role, name: as whom.
        detail: what the action was about, such as the removed event or the changed settings, as JSON.
    """

    class Action(models.TextChoices):
        """What was done."""

        CREATED = "created", _("created the session")
        INVITED = "invited", _("created an invite")
        JOINED = "joined", _("joined")
        LEFT = "left", _("left")
        REFUSED = "refused", _("was refused")
        CONFIGURED = "configured", _("changed the settings")
        REVOKED = "revoked", _("revoked access")
        REPLACED = "replaced", _("wrote a text that filters replaced")
        REJECTED = "rejected", _("wrote a text that filters rejected")
        REMOVED = "removed", _("removed a message")
        MUTED = "muted", _("muted a role")
        UNMUTED = "unmuted", _("unmuted a role")
        CLOSED = "closed", _("closed the session")
        REOPENED = "reopened", _("reopened the session")
        HELD = "held", _("put the session on legal hold")
        RELEASED = "released", _("ended the legal hold")
        RETAINED = "retained", _("changed how long the session is kept")
        ERASED = "erased", _("erased what was said")
        EXPORTED = "exported", _("exported the session")
        NOTICED = "noticed", _("sent a notice")
        CANCELLED = "cancelled", _("cancelled a reply")

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    sid = models.CharField(_("session name"), max_length=64, db_index=True)
    action = models.CharField(_("action"), max_length=10, choices=Action)
    subject = models.CharField(_("by"), max_length=255, blank=True)
    role = models.CharField(_("role"), max_length=8, blank=True)
    name = models.CharField(_("display name"), max_length=150, blank=True)
    address = models.CharField(_("address"), max_length=45, blank=True)
    # A JSONField would have `manage.py check` connect to the database, from Django 6.1 on.
    detail = models.TextField(_("detail"), default="{}")

    class Meta:
        verbose_name = _("audit record")
        verbose_name_plural = _("audit trail")
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.sid}: {self.action}"

    @property
    def details(self) -> dict[str, Any]:
        """The detail."""
        known: dict[str, Any] = json.loads(self.detail)
        return known


class ApiKey(Credential):
    """A key with which another backend calls the HTTP API.

    Attributes:
        name: unique among the keys that are not revoked.
        scopes: what it may do, separated by spaces.
    """

    class Scope(models.TextChoices):
        """What an API key may do."""

        SESSIONS = "sessions", _("create sessions and invites")
        RETENTION = "retention", _("decide what is kept and erase it")

    name = models.CharField(_("name"), max_length=100)
    scopes = models.CharField(_("scopes"), max_length=100, choices=Scope, default=Scope.SESSIONS)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["name", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=Q(revoked_at=None), name="doqchat_one_key_per_name")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Check the name; forms skip the constraint, because `revoked_at` is none of their fields."""
        if ApiKey.objects.filter(name=self.name, revoked_at=None).exclude(pk=self.pk).exists():
            raise ValidationError({"name": _("There is an API key with this name.")})


class Statistics(HourlyCount):
    """The counts, as the admin lists them among the models of this app."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = verbose_name_plural = _("statistics")
