"""Folds text for search: ignores case and Unicode composition."""

import re
from unicodedata import combining, normalize

LONGEST_RUN = 30
"""Maximum number of consecutive combining marks, as in the Stream-Safe Text Format of UAX #15. No writing system
needs as many."""

LONGEST_COMPOSED = 4
"""Maximum number of characters that NFC composes to one, as for U+1F82 (UAX #15, maximum expansion of NFD)."""

_JOINER = "\u034f"
"""The combining grapheme joiner: invisible, and marks are not reordered across it."""

_DECOMPOSED_INTO_MARKS = "\u0f73\u0f75\u0f81"
"""Tibetan vowel signs: starters that decompose to marks only."""

_MAY_BE_MARKS = re.compile(rf"(?<!\W)\W{{{LONGEST_RUN + 1},}}")
"""Marks are not word characters. The lookbehind keeps the search linear."""


def folded(text: str) -> str:
    """The text with case and composition normalised; equal for texts that a search treats as equal."""
    return text.casefold() if text.isascii() else normalize("NFC", stream_safe(text)).casefold()


def stream_safe(text: str) -> str:
    """The text with a joiner after every 30 consecutive combining marks.

    Normalisation sorts each run of marks, which takes quadratic time.
    """
    return _MAY_BE_MARKS.sub(_divided, text)


def _divided(match: re.Match[str]) -> str:
    parts, run = [], 0
    for character in match[0]:
        is_mark = combining(character) or character in _DECOMPOSED_INTO_MARKS
        run = run + 1 if is_mark else 0
        if run > LONGEST_RUN:
            parts.append(_JOINER)
            run = 1
        parts.append(character)
    return "".join(parts)
