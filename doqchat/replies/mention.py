"""Whether a message calls the assistant by name."""

import re
from functools import lru_cache

ALWAYS_KNOWN = ("llm", "ai")


def mentions(text: str, name: str = "") -> bool:
    """Whether the text has `@llm`, `@ai` or `@` and the assistant's name in it, in any case.

    Latin names end where the word ends; others may be followed by a particle, as in `@도우미야`. It may stand right
    behind a Korean word, not behind a Latin one: that is an address.
    """
    return "@" in text and _pattern(name).search(text) is not None


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    names = "|".join(re.escape(known) for known in (*ALWAYS_KNOWN, name) if known)
    return re.compile(rf"(?<![A-Za-z0-9_.@])@(?:{names})(?![A-Za-z0-9_])", re.IGNORECASE)
