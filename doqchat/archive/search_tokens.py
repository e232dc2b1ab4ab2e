"""The tokens of the search index.

A text has a token for every two consecutive characters of a word, so that Korean words are found with any particle.
Alphabets have few characters, and pairs of them are in most texts: there every three consecutive ones are a token as
well. A session, a role and an event's name are tokens too, so that one query of the index applies all filters.
Tokens are numbers of 32 bits with a sign. Different ones can be equal: what the index finds is compared with the text.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from zlib import crc32

from doqchat.archive.models import ArchivedEvent
from doqchat.protocol import server
from doqchat.store.search import searchable

MOST_TOKENS = 64
"""Maximum number of tokens of a search; those of longer ones are omitted."""

_CJK = 0x2E80
"""The first character of the scripts with thousands of characters (Unicode, block CJK Radicals Supplement)."""

_SPACE = ord(" ")
_TRIPLE = 1 << 30
_BITS = _TRIPLE - 1


def tokens_of(event: ArchivedEvent) -> frozenset[int]:
    """The tokens of an event; none if it has no text."""
    said = server.read_stored(event.body)
    codes = list(map(ord, searchable(said.text))) if said is not None else []
    found = {*_pairs(codes), *_triples(codes)}
    if not found:
        return frozenset()
    return frozenset(found | {session_token(event.session_id), name_token(event.participant), name_token(event.event)})


def tokens_for(terms: Iterable[str]) -> list[int]:
    """Tokens that every text with these terms has."""
    tokens: dict[int, None] = {}
    for word in (word for term in terms for word in term.split()):
        codes = list(map(ord, word))
        tokens.update(dict.fromkeys(_triples(codes) if len(codes) > 2 and max(codes) < _CJK else _pairs(codes)))
    return list(tokens)[:MOST_TOKENS]


def session_token(key: int) -> int:
    """The token of a session, by primary key."""
    return -1 - key % _TRIPLE


def session_of(token: int) -> int:
    """The session with a token, by primary key."""
    return -1 - token


def name_token(name: str) -> int:
    """The token of a role or an event's name."""
    return -1 - _TRIPLE - crc32(name.encode()) % (_TRIPLE - 1)


def _pairs(codes: Sequence[int]) -> list[int]:
    return [(one << 15 ^ two) & _BITS for one, two in pairwise(codes) if one != _SPACE and two != _SPACE]


def _triples(codes: Sequence[int]) -> list[int]:
    return [
        (one << 14 ^ two << 7 ^ three) & _BITS | _TRIPLE
        for one, two, three in zip(codes, codes[1:], codes[2:], strict=False)
        if _SPACE != one < _CJK and _SPACE != two < _CJK and _SPACE != three < _CJK
    ]
