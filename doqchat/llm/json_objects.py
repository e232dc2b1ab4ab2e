"""JSON objects in a text that arrives in parts, such as the list in which the Gemini API streams to its older SDK."""

import re
from collections.abc import Iterable, Iterator

from doqchat.llm.answers import LLMError
from doqchat.llm.server_sent_events import check_length

SEPARATORS = "[], \t\r\n"
"""What stands between the objects of a list, and around them."""

_PAGE = re.compile(r"\s*<")
_OUTSIDE, _IN_OBJECT, _IN_STRING = re.compile("{"), re.compile('[{}"]'), re.compile(r'["\\]')


def objects(texts: Iterable[str]) -> Iterator[str]:
    """Each object with the part that completes it; at the end what stands outside of objects, and one without an end.

    Raises LLMError `invalid_response` for a web page, and for an object of more than LONGEST_EVENT characters.
    """
    nesting = _Nesting()
    outside = held = ""
    for text in texts:
        start = 0
        for place in nesting.bounds(text):
            if nesting.depth:
                outside += _words(text[start:place])
            else:
                yield held + text[start:place]
                held = ""
            start = place
        if nesting.depth:
            held += text[start:]
        else:
            outside += _words(text[start:])
        if _PAGE.match(outside):
            raise LLMError("invalid_response", detail=f"a page instead of a list: {outside}")
        check_length(max(len(outside), len(held)))
    yield from filter(None, (outside, held))


class _Nesting:
    """How deep in objects a text is, after the parts of it that have been read."""

    def __init__(self) -> None:
        self.depth = 0
        self._in_string = False
        self._skipped = 0  # characters of the next part that are escaped

    def bounds(self, text: str) -> Iterator[int]:
        """Where an outermost object begins or ends in the next part."""
        place = self._skipped
        while mark := self._pattern.search(text, place):
            place = mark.end()
            match mark[0]:
                case "\\":
                    place += 1
                case '"':
                    self._in_string = not self._in_string
                case "{":
                    self.depth += 1
                    if self.depth == 1:
                        yield mark.start()
                case _:
                    self.depth -= 1
                    if self.depth == 0:
                        yield place
        self._skipped = max(place - len(text), 0)

    @property
    def _pattern(self) -> re.Pattern[str]:
        return _IN_STRING if self._in_string else _IN_OBJECT if self.depth else _OUTSIDE


def _words(text: str) -> str:
    """The text, unless it has nothing but separators."""
    return text if text.strip(SEPARATORS) else ""
