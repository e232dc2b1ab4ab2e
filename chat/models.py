"""What the database knows of sessions. What is said in them is in the store alone."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from doqchat.overview import Overview


class ChatSession(models.Model):
    """A session that somebody has joined, as the admin lists it."""

    sid = models.CharField(_("session name"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("began"))
    last_activity = models.DateTimeField(_("last activity"), db_index=True)

    # no columns: what the admin has looked up in the store for the rows it shows, and whether that was no session
    now: Overview | None = None
    unreadable = False

    class Meta:
        verbose_name = _("chat session")
        verbose_name_plural = _("chat sessions")
        ordering = ["-last_activity"]

    def __str__(self) -> str:
        return self.sid
