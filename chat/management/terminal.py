"""How commands talk to people: in their terminal's language, and without breaking over a character."""

import io
import os
import sys

from django.conf import settings
from django.utils.translation import get_supported_language_variant


def terminal_language() -> str:
    """The language of the locale, looked up as gettext does; the site's where that is none of ours."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "")
    try:
        return get_supported_language_variant(locale.partition(".")[0].replace("_", "-").lower())
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def print_anything() -> None:
    """Let characters that the terminal's encoding does not have be escaped instead of ending the command."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
