"""Detects mentions of the assistant.

The rule is one pattern, applied to folded text. The page uses the same pattern (`rule`) and folding
(chat/static/doqchat/js/composer.js), to show in advance what the server will decide. So the pattern is limited to
syntax that has the same meaning in Python's `re` and in JavaScript with the flag `u`.
"""

import re
from functools import lru_cache
from unicodedata import normalize

ALWAYS_KNOWN = ("llm", "ai")

_AT_SIGNS = "@\uff20"
"""Characters that fold to an @; the second is full-width."""

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Maps full-width characters to ASCII."""

_PIECES = re.compile(rf"[\s\S]{{1,100}}[^\s{_AT_SIGNS}]{{0,200}}")

_LATIN = r"0-9A-Z_\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff"
"""Characters of Latin words after folding, including combining accents."""

_FENCED_CODE = r"\n {0,3}(`{3,}(?=[^`\n]*(?![^\n]))|~{3,})[\s\S]*?(?:\n {0,3}\1[`~]*[ \t\r]*(?![^\n])|(?![\s\S]))"
"""As in Markdown: from a line that begins with at least three characters to a line with as many, or to the end."""

_INLINE_CODE = r"`(?<![`\\]`)(?=(`*))\2(?:(?=([^`]+))\3|(?!`\2(?!`))`+(?!`))*`\2(?!`)"
"""As in Markdown: between equal numbers of backticks. `(?=(…))` prevents backtracking."""

_URL = r":\/\/[^ \t\r\n\u00a0\u3000`]*"

_MENTION = rf"@(?<![{_LATIN}@\/]@)(%s)(?![{_LATIN}@\/\u200d]|[.\-][{_LATIN}])"
"""Not in an email address (`me@ai.example`), a package name (`@ai-sdk/openai`) or another word (`@llms`)."""

_PATTERN = f"{_FENCED_CODE}|{_INLINE_CODE}|{_URL}|{_MENTION}"
"""Matches mentions (the last group), and code and URLs, in which they do not count. `%s` is replaced by the names.

Each alternative begins with a different character, which makes the search fast. The text begins with a line break.
"""


def mentions(text: str, name: str = "") -> bool:
    """Whether the text contains `@llm`, `@ai` or `@` with the assistant's name, ignoring case and Unicode form.

    A Korean particle may follow, as in `@도우미야` or `@llm은`, and a Korean word may precede it directly. Mentions in
    code and URLs do not count.

    Args:
        text: the message.
        name: the assistant's name in the session; empty for none.
    """
    if not has_at_sign(text):
        return False
    return any(match[4] for match in _compiled(_fold(name).strip()).finditer("\n" + _fold(text)))


def has_at_sign(text: str) -> bool:
    """Whether the text may contain a mention."""
    return any(sign in text for sign in _AT_SIGNS)


def rule() -> dict[str, object]:
    """The pattern and the built-in names, for the page."""
    return {"pattern": _PATTERN, "names": ALWAYS_KNOWN}


def _fold(text: str) -> str:
    """Fold case, Unicode form and width, in steps that JavaScript has too.

    The text is folded in pieces, because normalization takes quadratic time for consecutive combining marks. A piece
    ends before a space or an @, or after more characters than a name can have.
    """
    return "".join(_fold_piece(piece) for piece in _PIECES.findall(text))


def _fold_piece(piece: str) -> str:
    return normalize("NFC", normalize("NFC", piece).translate(_HALF_WIDTH).lower().upper())


@lru_cache(maxsize=256)
def _compiled(name: str) -> re.Pattern[str]:
    """The pattern for the assistant's folded name."""
    names = [re.sub(r"[\\^$.*+?()\[\]{}|/]", r"\\\g<0>", known) for known in (*map(_fold, ALWAYS_KNOWN), name) if known]
    return re.compile(_PATTERN.replace("%s", "|".join(names)))
