"""Removes characters that cannot be seen, and limits the length of messages."""

import re

from doqchat.errors import Rejected
from doqchat.filters.chain import Message
from doqchat.protocol.names import MODEL_ROLE

_UNWANTED = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f)"  # of England, say: an emoji with tags
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters except tab and line breaks
    "\u202a-\u202e\u2066-\u2069"  # which reorder the text around them
    "\u200b\u2060\ufeff\ufff9-\ufffb"  # which have no width; those that join emoji and letters stay
    "\U000e0000-\U000e007f]"  # tags, which hide text
)


class PlainText:
    """A filter that removes control and invisible characters.

    Args:
        longest: maximum length in characters of what people send; None for the protocol's 8,000.
        message: the sentence for the person whose message is too long; `{longest}` is the maximum.

    Raises:
        ValueError: the maximum is less than 1.
    """

    def __init__(
        self, longest: int | None = None, message: str = "A message may have {longest} characters at most here."
    ) -> None:
        if longest is not None and longest < 1:
            raise ValueError("longest must be at least 1")
        self._longest = longest
        self._message = message.format(longest=longest)

    async def __call__(self, message: Message) -> str | None:
        """The text without such characters; None if it has none. Raises Rejected if it is too long, or empty then."""
        text = message.text
        spoken_by_model = message.role == MODEL_ROLE
        if not text.isprintable() and _UNWANTED.search(text):  # no unwanted character is printable
            text = _UNWANTED.sub(lambda match: match["flag"] or "", text)
            if not spoken_by_model and message.text.strip() and not text.strip():
                raise Rejected("This message has no visible characters.")
        if self._longest is not None and not spoken_by_model and len(text) > self._longest:
            raise Rejected(self._message)
        return text if text != message.text else None
