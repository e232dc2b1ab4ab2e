"""Output of commands: in the terminal's language, and safe for any character."""

import io
import os
import re
import sys

from django.utils.translation import get_supported_language_variant

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that a terminal may interpret: control characters, line breaks and bidirectional formatting."""
_NO_LOCALE = ("", "c", "posix")


def terminal_language() -> str:
    """The language of the locale, looked up as gettext does; English if it is unsupported, Korean without a locale."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "")
    language = locale.partition(".")[0].replace("_", "-").lower()
    try:
        return get_supported_language_variant(language)
    except LookupError:
        return "ko" if language in _NO_LOCALE else "en"


def visible(text: str) -> str:
    """The text with escaped control characters, so that messages cannot control the terminal."""
    return _CONTROLS.sub(lambda control: control[0].encode("unicode_escape").decode(), text)


def print_anything() -> None:
    """Escape characters that the terminal's encoding lacks, instead of raising UnicodeEncodeError."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
