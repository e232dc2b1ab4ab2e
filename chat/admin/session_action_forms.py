"""What an administrator states for an action on a session."""

from datetime import timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from doqchat.protocol.ids import parse_id
from doqchat.protocol.names import HUMAN_ROLES, LONGEST_NOTICE, LONGEST_REASON

LONGEST_MUTE = timedelta(days=366)


def check_line(value: str) -> None:
    """Raises ValidationError unless it is one line without control characters."""
    if not value.isprintable():
        raise ValidationError(_("This must be one line without control characters."))


def check_id(value: str) -> None:
    """Raises ValidationError unless it is the id of an event."""
    if parse_id(value) is None:
        raise ValidationError(_("This is not an event id such as 1700641234567-0."))


class Nothing(forms.Form):
    """No fields."""


class Notice(forms.Form):
    text = forms.CharField(label=_("text"), max_length=LONGEST_NOTICE, widget=forms.Textarea(attrs={"rows": 3}))


class Reason(forms.Form):
    reason = forms.CharField(
        label=_("reason"),
        help_text=_("One line that all members see; optional."),
        max_length=LONGEST_REASON,
        required=False,
        validators=[check_line],
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def clean_reason(self) -> str | None:
        """The reason; None if there is none."""
        return self.cleaned_data["reason"] or None


class Removal(Reason):
    id = forms.CharField(label=_("event"), max_length=41, validators=[check_id])
    field_order = ("id", "reason")


class Role(forms.Form):
    role = forms.ChoiceField(label=_("role"), choices=[(role, role) for role in HUMAN_ROLES])


class Mute(Role, Reason):
    minutes = forms.IntegerField(
        label=_("minutes"),
        help_text=_("Empty for no end."),
        min_value=1,
        max_value=int(LONGEST_MUTE.total_seconds() // 60),
        required=False,
    )
    field_order = ("role", "minutes", "reason")
