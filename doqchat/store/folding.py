"""Text as a search compares it: whatever its case and however its characters are composed."""

import re
from unicodedata import combining, normalize

LONGEST_RUN = 30
"""Combining marks in a row, at most, as in the Stream-Safe Text Format of UAX #15. No writing system comes near it."""

LONGEST_COMPOSED = 4
"""Characters of which NFC makes one, at most, as of U+1F82 (UAX #15, maximum expansion of NFD)."""

_JOINER = "\u034f"
"""The combining grapheme joiner: it is invisible, and no mark is reordered across it."""

_DECOMPOSED_INTO_MARKS = "\u0f73\u0f75\u0f81"
"""Tibetan vowel signs: starters that are decomposed into marks alone."""

_MAY_BE_MARKS = re.compile(rf"(?<!\W)\W{{{LONGEST_RUN + 1},}}")
"""No mark is a word character. The lookbehind keeps this linear."""


def folded(text: str) -> str:
    """The text in one case and composition; equal for texts that a search takes for the same."""
    return text.casefold() if text.isascii() else normalize("NFC", stream_safe(text)).casefold()


def stream_safe(text: str) -> str:
    """The text with a joiner after every 30 combining marks in a row.

    Normalisation puts a run of marks in order, which takes the square of its length.
    """
    return _MAY_BE_MARKS.sub(_divided, text)


def _divided(stretch: re.Match[str]) -> str:
    parts, run = [], 0
    for character in stretch[0]:
        is_mark = combining(character) or character in _DECOMPOSED_INTO_MARKS
        run = run + 1 if is_mark else 0
        if run > LONGEST_RUN:
            parts.append(_JOINER)
            run = 1
        parts.append(character)
    return "".join(parts)
