"""Rejects or replaces links."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from doqchat.errors import Rejected
from doqchat.filters.chain import Message
from doqchat.filters.recogniser import fold

_TOP_LEVEL = (
    "com|net|org|io|kr|co|me|gg|gl|be|ai|tk|app|dev|ly|info|biz|xyz|shop|store|site|online|link|click|top|live|page|blog"
    "|tv|us|uk|jp|cn|ru|de|fr|eu"
)
_REST = r"[^\s<>\"'가-힣ㄱ-ㅣ]"
_LINK = re.compile(
    r"(?i)(?:"
    rf"(?:https?|ftp)://(?:{_REST}{{1,2000}}|[^\s<>\"']{{1,2000}})"
    rf"|(?<![a-z0-9@._-])(?:www\.(?:[a-z0-9-]{{1,63}}\.){{1,8}}[a-z]{{2,24}}"
    rf"|(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.){{1,8}}(?:{_TOP_LEVEL})|[가-힣a-z0-9-]{{1,63}}\.(?:com|net|org|(?:co\.)?kr))"
    rf"(?![a-z0-9-]|\.[a-z])(?:[/?#:]{_REST}{{0,2000}})?"
    r")"
)
_DOTS = str.maketrans("。．｡", "...")  # which separate labels of a host name too, see UTS 46
_TRAILING = ".,;:!?)]}…"


class Links:
    """A filter that rejects links or, with a replacement, replaces them.

    Links are addresses with a scheme, and names such as `example.com/page` with a common top-level domain.

    Args:
        allowed: hosts to which links are allowed, with their subdomains.
        replacement: what is shown in place of a link; None rejects the message.
        message: the sentence for the person whose message is rejected.
    """

    def __init__(
        self,
        allowed: Sequence[str] = (),
        replacement: str | None = None,
        message: str = "Links are not allowed here.",
    ) -> None:
        self._allowed = frozenset(host.lower().strip(".") for host in allowed)
        self._replacement = replacement
        self._message = message

    async def __call__(self, message: Message) -> str | None:
        """The text with a replacement for each link; None if it has none. Raises Rejected without a replacement."""
        text, end, parts = message.text, 0, []
        for begin, past in self.find(text):
            if self._replacement is None:
                raise Rejected(self._message)
            parts += [text[end:begin], self._replacement]
            end = past
        return "".join([*parts, text[end:]]) if parts else None

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where the links that are not allowed begin and end."""
        links = ((match.start(), match[0].rstrip(_TRAILING)) for match in _LINK.finditer(fold(text).translate(_DOTS)))
        return [(begin, begin + len(link)) for begin, link in links if not self._is_allowed(link)]

    def _is_allowed(self, link: str) -> bool:
        try:
            host = (urlsplit(link if "://" in link else f"https://{link}").hostname or "").rstrip(".")
        except ValueError:  # such as a bracket without its other
            return False
        return any(host == allowed or host.endswith(f".{allowed}") for allowed in self._allowed)


reject = Links()
"""The filter with its defaults."""
