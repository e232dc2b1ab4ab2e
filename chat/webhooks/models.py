"""The tables of webhooks."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.webhooks import signature
from chat.webhooks.targets import check_url

LONGEST_URL = 1_000
BOTH_SECRETS = timedelta(hours=24)
"""How long webhooks are also signed with the previous secret after a rotation."""


class EventType(models.TextChoices):
    """The type of a webhook."""

    MESSAGE_CREATED = "message.created", _("a person has sent a message or a request")
    MESSAGE_REMOVED = "message.removed", _("a moderator has removed a message")
    REPLY_FINISHED = "reply.finished", _("the model has replied")
    REPLY_FAILED = "reply.failed", _("a reply has failed")
    SESSION_CLOSED = "session.closed", _("a moderator has closed a session")
    SESSION_REOPENED = "session.reopened", _("a moderator has reopened a session")
    MEMBER_JOINED = "member.joined", _("a connection has joined a session")
    MEMBER_LEFT = "member.left", _("a connection has left a session")


TEST = "webhook.test"
"""The type of the webhook that tests an endpoint."""


class WebhookEndpoint(models.Model):
    """Where webhooks are sent.

    Attributes:
        types: the types of the events that it gets, separated by spaces.
        seed: of the secret that signs the webhooks, see `secret_of` in signature.py.
        previous_seed, previous_until: its secret also signs them until then, after a rotation; empty for none.
        disabled_because: why it was disabled by doqchat; empty otherwise.
    """

    url = models.CharField(_("URL"), max_length=LONGEST_URL)
    description = models.CharField(_("description"), max_length=200, blank=True)
    types = models.TextField(_("events"))
    enabled = models.BooleanField(_("enabled"), default=True)
    disabled_because = models.CharField(_("disabled because"), max_length=200, blank=True, editable=False)
    seed = models.CharField(max_length=120, default=signature.new_seed, editable=False)
    previous_seed = models.CharField(max_length=120, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["url"]

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        """Check the URL."""
        try:
            check_url(self.url)
        except ValueError as error:
            raise ValidationError({"url": str(error)}) from error

    @property
    def secret(self) -> str:
        """The secret, as `whsec_…`."""
        return signature.secret_of(self.seed)

    @property
    def secrets(self) -> list[str]:
        """The secrets that sign a webhook now."""
        rotating = self.previous_until is not None and timezone.now() < self.previous_until
        return [self.secret, signature.secret_of(self.previous_seed)] if rotating else [self.secret]

    def rotate(self) -> None:
        """Give it a new secret; the previous one also signs for BOTH_SECRETS."""
        self.previous_seed, self.previous_until = self.seed, timezone.now() + BOTH_SECRETS
        self.seed = signature.new_seed()
        self.save(update_fields=["seed", "previous_seed", "previous_until"])


class WebhookDelivery(models.Model):
    """An event that is to be sent to an endpoint, or was.

    It refers to the event instead of containing it, so that what is removed or erased meanwhile is not sent.

    Attributes:
        message_id: the `webhook-id`: the same for each attempt and endpoint.
        event: the id of the ArchivedEvent; None for members.
        data: the `data` of an event that is not in the archive, as JSON, until it is delivered.
        happened_at: when the event happened; None for that of `event`.
        queued_at: when it was queued, or a retry was requested: a delivery that fails a day later is dead.
        due_at: when the next attempt is due.
        status: the HTTP status of the last response; None for none.
        error: why the last attempt has failed; empty otherwise.
    """

    class State(models.TextChoices):
        """How far it is."""

        PENDING = "pending", _("pending")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("dead")

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, verbose_name=_("endpoint"))
    message_id = models.CharField(max_length=64)
    type = models.CharField(_("event"), max_length=20, choices=EventType)
    sid = models.CharField(_("session name"), max_length=64)
    event = models.BigIntegerField(null=True)
    data = models.TextField(default="")
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.PENDING)
    happened_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(_("queued"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    attempted_at = models.DateTimeField(_("last attempt"), null=True)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    error = models.CharField(_("error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["endpoint", "sid", "id"], condition=Q(state="pending"), name="doqchat_pending_webhooks"
            ),
            models.Index(fields=["state", "queued_at"], name="doqchat_webhooks_by_time"),
        ]

    def __str__(self) -> str:
        return self.message_id
