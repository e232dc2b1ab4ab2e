"""Runs a command of manage.py to its end, as somebody in a terminal does."""

import os
import subprocess
from collections.abc import Mapping

from tests.processes import completed, manage

WITHIN = 60.0

LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def run(command: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What the command printed and how it ended; of the locale it has only what is given."""
    return completed([*manage(command), *arguments], clean(os.environ) | environment)


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without a locale, for the project's own settings."""
    without = {name: value for name, value in environment.items() if name not in LOCALE}
    return without | {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUTF8": "1"}
