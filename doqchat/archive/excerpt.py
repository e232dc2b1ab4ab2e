"""Excerpts of texts that a search has found."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import combining, normalize

from doqchat.store.folding import stream_safe

LENGTH = 160
"""Maximum length of an excerpt in characters, without the ellipses."""

BEFORE = 40
"""Maximum number of characters before the first match."""


class Excerpt(NamedTuple):
    """A part of a text.

    Attributes:
        text: the part, with whitespace as single spaces; an ellipsis marks an end that is not the text's.
        matches: the first character of each match, and the one after its last. Characters are code points.
    """

    text: str
    matches: list[tuple[int, int]]


def excerpt(text: str, terms: Sequence[str]) -> Excerpt:
    """The part of a text around its first match.

    Args:
        text: the text.
        terms: the terms of the search; none gives the beginning.
    """
    text = normalize("NFC", stream_safe(" ".join(text.split())))
    matches = list(_joined(_found(text, terms)))
    start = _start(text, matches[0][0]) if matches else 0
    end = min(start + LENGTH, len(text))
    opening, closing = "…" if start else "", "…" if end < len(text) else ""
    shift = start - len(opening)
    inside = [(max(first, start) - shift, min(last, end) - shift) for first, last in matches if first < end]
    return Excerpt(f"{opening}{text[start:end]}{closing}", inside)


def _start(text: str, match: int) -> int:
    """Where an excerpt with a match begins: with a word, or at least not with a combining mark."""
    start = max(0, match - BEFORE)
    if not start:
        return 0
    space = text.find(" ", start, match)
    start = match if space < 0 and text[match - 1] == " " else start if space < 0 else space + 1
    while start < match and combining(text[start]):
        start += 1
    return start


def _found(text: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    """All matches in a text, sorted; as `folded` compares, whose results can be longer."""
    folded = text.casefold()
    places = None if len(folded) == len(text) else [at for at, each in enumerate(text) for _ in each.casefold()]
    found = []
    for term in terms:
        at = folded.find(term)
        while at >= 0:
            last = at + len(term) - 1
            found.append((at, last + 1) if places is None else (places[at], places[last] + 1))
            at = folded.find(term, at + len(term))
    return sorted(found)


def _joined(matches: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The matches without overlaps."""
    current = None
    for first, last in matches:
        if current is None:
            current = (first, last)
        elif first < current[1]:
            current = (current[0], max(current[1], last))
        else:
            yield current
            current = (first, last)
    if current is not None:
        yield current
