"""The form of a new session, and what it creates."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

from chat.access.credentials import authenticated, is_staff
from chat.access.invite_links import InviteLink, links_to
from chat.access.invites import NewInvite
from chat.access.permissions import LONGEST_NAME, staff_principal
from chat.audit import Action, Actor, record
from chat.sids import new_sid
from doqchat.access.principal import Principal
from doqchat.conf import access_mode, doqchat_settings
from doqchat.engine import engine
from doqchat.llm import llms
from doqchat.protocol.names import LONGEST_TITLE
from doqchat.store.settings import SessionSettings
from doqchat.submission import configure

LONGEST_INSTRUCTIONS = 8_000

_OPTIONS = {"policy", "name_llm", "system", "llm"}
"""The fields behind "More options"."""

_POLICIES = [
    ("mention", _("when called by its name or with @llm")),
    ("always", _("every message")),
    ("off", _("only when somebody presses “Ask the AI”")),
]
_BAD_TITLE = _("A title must not contain invisible characters.")
_BAD_NAME = _("A name must not contain brackets, @ or invisible characters.")


class _Instructions(forms.CharField):
    """Text of several lines, which browsers submit with CRLF between them."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


def _line(label: Any, longest: int, placeholder: Any) -> forms.CharField:
    """An optional field of one line of at most `longest` characters."""
    attributes = {"class": "field__input", "autocomplete": "off", "placeholder": placeholder}
    return forms.CharField(label=label, max_length=longest, required=False, widget=forms.TextInput(attributes))


def _models() -> list[tuple[str, Any]]:
    """The aliases of the models, without those that are the default under another name."""
    entries = doqchat_settings().llms
    others = (alias for alias in llms if alias != "default" and entries[alias] != entries.get("default"))
    return [("default", _("the site's default")), *((alias, alias) for alias in sorted(others))]


class NewSessionForm(forms.Form):
    """What can be set for a new session; everything is optional.

    `role` is the creator's own with open access. Otherwise creators use a link, as everyone else.
    """

    title = _line(_("Title"), LONGEST_TITLE, _("What is it about?"))
    role = forms.ChoiceField(choices=[("A", "A"), ("B", "B")], required=False, initial="A")
    name_a = _line(_("Name of A"), LONGEST_NAME, _("Name (optional)"))
    name_b = _line(_("Name of B"), LONGEST_NAME, _("Name (optional)"))
    policy = forms.ChoiceField(
        label=_("The AI answers"), choices=_POLICIES, required=False, initial="mention", widget=forms.RadioSelect
    )
    name_llm = _line(_("Name of the AI"), LONGEST_NAME, "AI")
    system = _Instructions(
        label=_("Instructions for the AI"),
        max_length=LONGEST_INSTRUCTIONS,
        required=False,
        widget=forms.Textarea({"class": "field__input", "rows": 4, "placeholder": _("Answer briefly and kindly.")}),
    )
    llm = forms.ChoiceField(
        label=_("Model"),
        choices=_models,
        required=False,
        initial="default",
        widget=forms.Select({"class": "field__input"}),
    )

    @property
    def shows_options(self) -> bool:
        """Whether any of the fields behind "More options" was changed."""
        return self.is_bound and not _OPTIONS.isdisjoint(self.changed_data)

    @property
    def chooses_model(self) -> bool:
        """Whether there is more than one model."""
        return len(_models()) > 1

    def changes(self) -> dict[str, str]:
        """The settings that differ from their defaults."""
        defaults = SessionSettings().model_dump()
        chosen = {name: value for name, value in self.cleaned_data.items() if name in defaults and value}
        return {name: value for name, value in chosen.items() if value != defaults[name]}

    def clean(self) -> None:
        """Validate as the engine does, so that each error is shown at its field."""
        try:
            SessionSettings.model_validate(self.changes())
        except ValidationError as error:
            for name in {str(fault["loc"][0]) for fault in error.errors()}:
                self.add_error(name, _BAD_TITLE if name == "title" else _BAD_NAME)


@dataclass(frozen=True, slots=True)
class Created:
    """A new session, with the links to it."""

    sid: str
    role: str
    title: str
    links: list[InviteLink]


async def may_create(request: HttpRequest) -> bool:
    """Whether the home page offers to create sessions: to everyone with open access, otherwise to staff."""
    return access_mode() == "open" or await is_staff(request)


async def create(request: HttpRequest, form: NewSessionForm) -> Created:
    """Create a session from a valid form, with a link for each of A and B.

    Raises DoqchatError: nothing was created.
    """
    sid, settings = new_sid(), form.changes()
    creator = await _creator(request, sid)
    if settings:
        await configure(engine(), creator, settings)
    wanted = [NewInvite(role="A", name=settings.get("name_a")), NewInvite(role="B", name=settings.get("name_b"))]
    links = await links_to(request, sid, wanted)
    await record(Action.CREATED, sid, Actor.of(creator), settings=settings or None)
    return Created(sid, form.cleaned_data["role"] or "A", settings.get("title", ""), links)


async def _creator(request: HttpRequest, sid: str) -> Principal:
    if access_mode() == "open":
        return await authenticated(request, sid)
    return staff_principal(await request.auser(), sid)
