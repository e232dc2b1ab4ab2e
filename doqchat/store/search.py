"""Searches: their terms, which are words and quoted phrases that a text must contain, filters and results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import category

from doqchat.protocol.ids import BEGINNING
from doqchat.store.folding import folded

RANKED = 100
"""Matches that a search by rank sorts: the newest."""

_TERMS = re.compile(r'["“”]([^"“”]*)["“”]|([^\s"“”]+)')
_CURSOR = re.compile(r"[0-9]{1,18}[0-9]?(\.[0-9]{1,4})?")
_WORDLIKE = "LNS"
"""Major categories of which a searchable term has a character: letters, numbers and symbols (Unicode 4.5)."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events a search of the archive finds.

    Attributes:
        terms: they contain all of these; one at least is searchable.
        sids: they are in one of these sessions; None for all.
        participant, event: they have this role, and this name.
        after, before: exclusive bounds of their ids; a `before` of None is none.
    """

    terms: Sequence[str]
    sids: Sequence[str] | None = None
    participant: str | None = None
    event: str | None = None
    after: str = BEGINNING
    before: str | None = None


class Hit(NamedTuple):
    """An event that a search has found.

    Attributes:
        sid: its session.
        id: its id there.
        participant: the role of the sender.
        body: the envelope's JSON text, without `id` and `prev`.
    """

    sid: str
    id: str
    participant: str
    body: str


class Hits(NamedTuple):
    """A page of a search; `next` is the cursor of the next page, None for the last one."""

    hits: list[Hit]
    next: str | None


def checked_cursor(cursor: str) -> str:
    """A cursor of a search; raises ValueError for other text."""
    if not _CURSOR.fullmatch(cursor):
        raise ValueError("not the `next` of a page")
    return cursor


def search_terms(text: str) -> tuple[str, ...]:
    """The words of a search, and its phrases in quotes, folded; whitespace in a phrase is one space."""
    parts = (" ".join((phrase or word).split()) for phrase, word in _TERMS.findall(folded(text)))
    return tuple(dict.fromkeys(part for part in parts if part))


def checked_search(text: str) -> str:
    """The text of a search; raises ValueError if the index can find none of its terms."""
    if text and not any(map(is_searchable, search_terms(text))):
        raise ValueError("search for at least two consecutive letters or digits")
    return text


def is_searchable(term: str) -> bool:
    """Whether a term has two consecutive characters other than combining marks, and not only punctuation."""
    for word in term.split():
        kinds = [kind for kind in map(category, word) if kind[0] != "M" and kind != "Cf"]
        if len(kinds) > 1 and any(kind[0] in _WORDLIKE for kind in kinds):
            return True
    return False


def searchable(text: str) -> str:
    """A text as it is compared with terms."""
    return folded(" ".join(text.split()))
