"""Sessions in the database. Their events are only in the store."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from doqchat.overview import Overview


class ChatSession(models.Model):
    """A session in the admin's list."""

    sid = models.CharField(_("session name"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("began"))
    last_activity = models.DateTimeField(_("last activity"), db_index=True)

    # not columns: the admin reads these from the store for the rows on the page
    now: Overview | None = None
    unreadable = False

    class Meta:
        verbose_name = _("chat session")
        verbose_name_plural = _("chat sessions")
        ordering = ["-last_activity"]

    def __str__(self) -> str:
        return self.sid
