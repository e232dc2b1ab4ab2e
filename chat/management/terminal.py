"""How commands talk to people: in their terminal's language, and without breaking over a character."""

import io
import os
import re
import sys

from django.conf import settings
from django.utils.translation import get_supported_language_variant

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What a terminal may take for a command, a line break, or a change of the direction of writing."""


def terminal_language() -> str:
    """The language of the locale, looked up as gettext does; the site's where that is none of ours."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "")
    try:
        return get_supported_language_variant(locale.partition(".")[0].replace("_", "-").lower())
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def visible(text: str) -> str:
    """The text with its control characters spelt out: those who write messages do not control the terminal."""
    return _CONTROLS.sub(lambda control: control[0].encode("unicode_escape").decode(), text)


def print_anything() -> None:
    """Let characters that the terminal's encoding does not have be escaped instead of ending the command."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
