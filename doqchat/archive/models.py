"""The tables of the archive."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ArchivedSession(models.Model):
    """A session with events in the archive.

    Attributes:
        copied: the position of the last event in the archive; 0 for none.
        events: the number of events in the archive.
        changes: the number of changed entries in the store when its events were copied, see scripts/copy.lua.
        state: what else the store had of the session when it left it, see scripts/session_state.lua; empty before.
        left_at: when it last left the store; None before.
        retention_days: days for which its events are kept; None for the site's setting.
        hold: whether nothing of it may be removed (a legal hold).
        retained_after: the position of the last event that retention has removed; 0 for none.
    """

    sid = models.CharField(_("session name"), max_length=64, unique=True)
    copied = models.BigIntegerField(default=0)
    events = models.BigIntegerField(_("events"), default=0)
    changes = models.BigIntegerField(default=0)
    state = models.TextField(default="")
    left_at = models.DateTimeField(null=True, db_index=True)
    retention_days = models.PositiveIntegerField(_("days kept"), null=True, blank=True)
    hold = models.BooleanField(_("legal hold"), default=False)
    retained_after = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("archived session")
        verbose_name_plural = _("archived sessions")

    def __str__(self) -> str:
        return self.sid


class ArchivedEvent(models.Model):
    """An event.

    Attributes:
        id: unique, and in the order of time over all sessions, see `key_of` in doqchat/archive/records.py.
        position: its place in the session, see `position` in doqchat/protocol/ids.py.
        participant: the role of the sender.
        event: the event's name; empty for an entry that is not an envelope.
        person: who sent it, see `person_of` in doqchat/protocol/frames.py; empty if unknown.
        body: the envelope's JSON text, without `id` and `prev`.
        erased: whether the body is a placeholder of an erasure.
    """

    id = models.BigIntegerField(primary_key=True)
    session = models.ForeignKey(ArchivedSession, models.CASCADE, related_name="+", db_index=False)
    position = models.BigIntegerField()
    participant = models.TextField()
    event = models.CharField(max_length=32)
    person = models.CharField(max_length=32, default="")
    body = models.TextField()
    erased = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("archived event")
        verbose_name_plural = _("archived events")
        constraints = [models.UniqueConstraint(fields=["session", "position"], name="doqchat_one_event_per_position")]
        indexes = [models.Index("person", condition=~models.Q(person=""), name="doqchat_events_of_a_person")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.position}"


class HourlyCount(models.Model):
    """What was archived of one hour, see doqchat/archive/counts.py. It stays when the events are deleted.

    Attributes:
        hour: hours since 1970.
        writer: the thread that has counted it. Each has rows of its own, so that none waits for another.
        event: the event's name.
        name: the model of an `llm.response`, the code of an `llm.error`; otherwise empty.
        events: the number of events.
        input_tokens, output_tokens: as the provider reports them.
        timed: the number of events whose time since the request is known.
        milliseconds: the sum of these times.
        first_pieces: the number of replies whose time from the request to the first piece is known.
        first_piece_milliseconds: the sum of these times.
    """

    hour = models.IntegerField()
    writer = models.CharField(max_length=32)
    event = models.CharField(max_length=32)
    name = models.CharField(max_length=100)
    events = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    timed = models.BigIntegerField(default=0)
    milliseconds = models.BigIntegerField(default=0)
    first_pieces = models.BigIntegerField(default=0)
    first_piece_milliseconds = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("count of an hour")
        verbose_name_plural = _("counts of hours")
        constraints = [
            models.UniqueConstraint(fields=["hour", "event", "name", "writer"], name="doqchat_one_count_per_writer")
        ]

    def __str__(self) -> str:
        return f"{self.hour}: {self.event} {self.name}"
