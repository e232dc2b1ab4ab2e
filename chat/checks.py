"""System checks: what is wrong with the settings, and how to mend it."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, WARNING, CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError

from chat.origins import parse_origin
from doqchat.conf import reply_settings
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
def environment(**kwargs: Any) -> list[CheckMessage]:
    """Variables of the environment that could not be used."""
    hint = "Correct it in the environment or in .env; .env.example explains each."
    return [Error(problem, hint=hint, id="doqchat.E001") for _, problem in settings.ENVIRONMENT_PROBLEMS]


@register(TAG)
def hosts(**kwargs: Any) -> list[CheckMessage]:
    """Hosts and origins that open the site to pages of others, or to nobody."""
    hint = "Write the scheme, the host and, where it is not the default, the port, as in https://app.example.org:8443."
    wrong = [text for text in settings.ORIGINS if parse_origin(text) is None]
    found: list[CheckMessage] = [
        Error(f"DOQCHAT_ORIGINS has {text!r}, which is not an origin.", hint=hint, id="doqchat.E004") for text in wrong
    ]
    if "*" in settings.ALLOWED_HOSTS:
        problem = "ALLOWED_HOSTS has *, so any site whose name leads to this server can have its pages join sessions."
        hint = "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."
        found.append(CheckMessage(WARNING, problem, hint=hint, id="doqchat.W001"))
    return found


@register(TAG)
def models(**kwargs: Any) -> list[CheckMessage]:
    """Models that are configured wrongly."""
    return [Error(problem, hint=hint, id="doqchat.E002") for _, problem, hint in llm_problems(settings.LLMS)]


@register(TAG)
def replies(**kwargs: Any) -> list[CheckMessage]:
    """Limits of replies that mean nothing."""
    try:
        reply_settings()
    except ValidationError as error:
        hint = "config/settings.py has DOQCHAT_REPLIES as it comes."
        return [Error(_sentence(fault), hint=hint, id="doqchat.E003") for fault in error.errors(include_url=False)]
    return []


@register(TAG)
def data_directory(**kwargs: Any) -> list[CheckMessage]:
    """A data directory that cannot be written to, where something is kept in it."""
    database = settings.DATABASES["default"]
    is_used = settings.EMBEDDED_STORE or Path(str(database["NAME"])).is_relative_to(settings.DATA_DIR)
    if not is_used or _can_write(settings.DATA_DIR):
        return []
    problem = f"The data directory {settings.DATA_DIR} cannot be written to."
    return [Error(problem, hint="Name another with DOQCHAT_DATA_DIR.", id="doqchat.E005")]


def _can_write(directory: Path) -> bool:
    """Whether files can be made in the directory, or it can be made itself."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _sentence(fault: Any) -> str:
    named = "".join(f"[{part!r}]" for part in fault["loc"][:1])
    return f"DOQCHAT_REPLIES{named} cannot be used: {fault['msg'][0].lower()}{fault['msg'][1:]}."
