"""Whether a message calls the assistant by name.

The rule is one pattern and a way to fold texts. The page gets the pattern from here (`rule`) and folds in the same way
(chat/static/doqchat/js/mentions.js), so that it shows while somebody writes what the server will decide. The pattern is
therefore limited to syntax that means the same in Python's `re` and in JavaScript with the flag `u`.
"""

import re
from functools import lru_cache
from unicodedata import normalize

ALWAYS_KNOWN = ("llm", "ai")

_AT_SIGNS = "@\uff20"
"""What folds to an @; the second is full-width."""

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width letters and signs to their ASCII ones."""

_PIECES = re.compile(rf"[\s\S]{{1,100}}[^\s{_AT_SIGNS}]{{0,200}}")

_LATIN = r"0-9A-Z_\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff"
"""What Latin words are made of once they are folded, combining accents included."""

_FENCED_CODE = r"\n {0,3}(`{3,}(?=[^`\n]*(?![^\n]))|~{3,})[\s\S]*?(?:\n {0,3}\1[`~]*[ \t\r]*(?![^\n])|(?![\s\S]))"
"""As in Markdown: from a line that begins with three or more to one with as many, or to the end."""

_INLINE_CODE = r"`(?<![`\\]`)(?=(`*))\2(?:(?=([^`]+))\3|(?!`\2(?!`))`+(?!`))*`\2(?!`)"
"""As in Markdown: from some backticks to as many. `(?=(…))` keeps it from going back over what it has passed."""

_URL = r":\/\/[^ \t\r\n\u00a0\u3000`]*"

_MENTION = rf"@(?<![{_LATIN}@\/]@)(%s)(?![{_LATIN}@\/\u200d]|[.\-][{_LATIN}])"
"""Not in an address (`me@ai.example`), a package's name (`@ai-sdk/openai`) or another word (`@llms`)."""

_PATTERN = f"{_FENCED_CODE}|{_INLINE_CODE}|{_URL}|{_MENTION}"
"""Matches mentions, and what may contain something like one; a mention has the last group. `%s`: the names.

Each of the four begins with a character of its own, which makes the search fast. The text begins with a line break.
"""


def mentions(text: str, name: str = "") -> bool:
    """Whether the text has `@llm`, `@ai` or `@` and the assistant's name in it, in any case and Unicode form.

    A particle may follow, as in `@도우미야` or `@llm은`, and a Korean word may stand right before it. What is in
    code or in a URL does not count.
    """
    if not has_at_sign(text):
        return False
    return any(match[4] for match in _compiled(_fold(name).strip()).finditer("\n" + _fold(text)))


def has_at_sign(text: str) -> bool:
    """Whether the text can have a mention in it at all."""
    return any(sign in text for sign in _AT_SIGNS)


def rule() -> dict[str, object]:
    """The pattern and the names that are always known, as the page needs them."""
    return {"pattern": _PATTERN, "names": ALWAYS_KNOWN}


def _fold(text: str) -> str:
    """The text without differences of case, Unicode form and width, in steps that JavaScript has too.

    It is folded piece by piece: normalization takes quadratic time for combining marks in a row. A piece ends before a
    space or an @, or else behind more characters than a name has.
    """
    return "".join(_fold_piece(piece) for piece in _PIECES.findall(text))


def _fold_piece(piece: str) -> str:
    return normalize("NFC", normalize("NFC", piece).translate(_HALF_WIDTH).lower().upper())


@lru_cache(maxsize=256)
def _compiled(name: str) -> re.Pattern[str]:
    """The pattern for the assistant's folded name."""
    names = [re.sub(r"[\\^$.*+?()\[\]{}|/]", r"\\\g<0>", known) for known in (*map(_fold, ALWAYS_KNOWN), name) if known]
    return re.compile(_PATTERN.replace("%s", "|".join(names)))
