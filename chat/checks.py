"""System checks: what is wrong with the settings, and how to mend it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from chat.origins import parse_origin
from doqchat.conf import Settings, doqchat_settings
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.llm.checks import problems as llm_problems

TAG = "doqchat"


def require_usable_settings() -> None:
    """Run the checks of this module, for whatever serves or works without Django's running them.

    Raises ImproperlyConfigured with all that is wrong.
    """
    found = [problem for problem in run_checks(tags=[TAG]) if problem.is_serious(ERROR)]
    if found:
        raise ImproperlyConfigured(" ".join(str(problem.msg) for problem in found))


@register(TAG)
def usable(**kwargs: Any) -> list[CheckMessage]:
    """What keeps the setting DOQCHAT from being used: itself, what it says, and the layer that it names."""
    try:
        doqchat = doqchat_settings()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/en/integrating.md lists what it takes.", id="doqchat.E003")]
    return [*_problems(doqchat), *_hosts(doqchat), *_models(doqchat), *_layer(doqchat), *_data_directory(doqchat)]


def _problems(doqchat: Settings) -> Iterator[CheckMessage]:
    """What the settings module has found, such as variables of the environment that cannot be used."""
    hint = "Correct it in the environment or in .env; .env.example explains each."
    return (Error(problem, hint=hint, id="doqchat.E001") for _, problem in doqchat.problems)


def _hosts(doqchat: Settings) -> Iterator[CheckMessage]:
    """Hosts and origins that open the site to pages of others, or to nobody."""
    hint = "Write the scheme, the host and, where it is not the default, the port, as in https://app.example.org:8443."
    for text in doqchat.origins:
        if parse_origin(text) is None:
            yield Error(f"DOQCHAT_ORIGINS has {text!r}, which is not an origin.", hint=hint, id="doqchat.E004")
    if "*" in settings.ALLOWED_HOSTS:
        problem = "ALLOWED_HOSTS has *, so any site whose name leads to this server can have its pages join sessions."
        hint = "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."
        yield CheckMessage(WARNING, problem, hint=hint, id="doqchat.W001")


def _models(doqchat: Settings) -> Iterator[CheckMessage]:
    """Models that are configured wrongly."""
    return (Error(problem, hint=hint, id="doqchat.E002") for _, problem, hint in llm_problems(doqchat.llms))


def _layer(doqchat: Settings) -> Iterator[CheckMessage]:
    """A channel layer that the sessions cannot use."""
    entry = getattr(settings, "CHANNEL_LAYERS", {}).get(doqchat.channel_layer, {})
    backend = f"{SessionChannelLayer.__module__}.{SessionChannelLayer.__qualname__}"
    if entry.get("BACKEND") != backend:
        problem = f"CHANNEL_LAYERS[{doqchat.channel_layer!r}] is not doqchat's layer."
        hint = f"Give it the BACKEND {backend}, or name another alias as CHANNEL_LAYER in DOQCHAT."
        yield Error(problem, hint=hint, id="doqchat.E006")


def _data_directory(doqchat: Settings) -> Iterator[CheckMessage]:
    """A data directory that cannot be written to, where something is kept in it."""
    database, directory = settings.DATABASES["default"], doqchat.data_dir
    is_used = doqchat.embedded_store or Path(str(database.get("NAME"))).is_relative_to(directory)
    if is_used and not _can_write(directory):
        problem = f"The data directory {directory} cannot be written to."
        yield Error(problem, hint="Name another with DOQCHAT_DATA_DIR.", id="doqchat.E005")


def _can_write(directory: Path) -> bool:
    """Whether files can be made in the directory, or it can be made itself."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
