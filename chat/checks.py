"""System checks of the settings, with hints how to fix them."""

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
    """Run the checks of this module, for processes in which Django does not run them.

    Raises ImproperlyConfigured with all errors.
    """
    found = [problem for problem in run_checks(tags=[TAG]) if problem.is_serious(ERROR)]
    if found:
        raise ImproperlyConfigured(" ".join(str(problem.msg) for problem in found))


@register(TAG)
def usable(**kwargs: Any) -> list[CheckMessage]:
    """Errors in the setting DOQCHAT and in the channel layer that it names."""
    try:
        doqchat = doqchat_settings()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/en/integrating.md lists its keys.", id="doqchat.E003")]
    return [*_problems(doqchat), *_hosts(doqchat), *_models(doqchat), *_layer(doqchat), *_data_directory(doqchat)]


def _problems(doqchat: Settings) -> Iterator[CheckMessage]:
    """Errors that the settings module has found, such as invalid environment variables."""
    hint = "Correct it in the environment or in .env; .env.example explains each."
    return (Error(problem, hint=hint, id="doqchat.E001") for _, problem in doqchat.problems)


def _hosts(doqchat: Settings) -> Iterator[CheckMessage]:
    """Hosts and origins that admit pages of other sites, or are invalid."""
    hint = "Write the scheme, the host and, where it is not the default, the port, as in https://app.example.org:8443."
    for text in doqchat.origins:
        if parse_origin(text) is None:
            yield Error(f"DOQCHAT_ORIGINS has {text!r}, which is not an origin.", hint=hint, id="doqchat.E004")
    if "*" in settings.ALLOWED_HOSTS:
        problem = "ALLOWED_HOSTS has *, so pages of any site that resolves to this server can join sessions."
        hint = "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."
        yield CheckMessage(WARNING, problem, hint=hint, id="doqchat.W001")


def _models(doqchat: Settings) -> Iterator[CheckMessage]:
    """Invalid configurations of models."""
    return (Error(problem, hint=hint, id="doqchat.E002") for _, problem, hint in llm_problems(doqchat.llms))


def _layer(doqchat: Settings) -> Iterator[CheckMessage]:
    """A channel layer that is not doqchat's."""
    entry = getattr(settings, "CHANNEL_LAYERS", {}).get(doqchat.channel_layer, {})
    backend = f"{SessionChannelLayer.__module__}.{SessionChannelLayer.__qualname__}"
    if entry.get("BACKEND") != backend:
        problem = f"CHANNEL_LAYERS[{doqchat.channel_layer!r}] is not doqchat's layer."
        hint = f"Give it the BACKEND {backend}, or name another alias as CHANNEL_LAYER in DOQCHAT."
        yield Error(problem, hint=hint, id="doqchat.E006")


def _data_directory(doqchat: Settings) -> Iterator[CheckMessage]:
    """A data directory that is needed but not writable."""
    database, directory = settings.DATABASES["default"], doqchat.data_dir
    is_used = doqchat.embedded_store or Path(str(database.get("NAME"))).is_relative_to(directory)
    if is_used and not _can_write(directory):
        problem = f"The data directory {directory} is not writable."
        yield Error(problem, hint="Name another with DOQCHAT_DATA_DIR.", id="doqchat.E005")


def _can_write(directory: Path) -> bool:
    """Whether the directory is writable, or can be created."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
