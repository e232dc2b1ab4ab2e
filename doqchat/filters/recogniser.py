"""What recognisers of personal data share: folded text, found spans, and the words before a number."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

BEFORE = r"(?<![0-9])(?<![0-9][-.])"
AFTER = r"(?![0-9])(?![-.][0-9])"
"""Around a number: `\\b` does not hold, because Hangul is a word character and particles follow without a space."""

_FOLDED = re.compile(r"[^\x00-\x7f가-힣ㄱ-ㅠㅢㅣ]")
_DASHES = "‐‑‒–—―−ㅡー﹣－"
_CONTEXT = 24

_OTHER_NUMBERS = re.compile(
    r"(?:주문|접수|운송장|송장|일련|시리얼|품번|모델|티켓|상품|제품|부품|바코드|빌드|버전"
    r"|(?:예약|관리|문서|거래|청구|계약) ?번호"
    r"|order|invoice|tracking|ticket|serial|part|model|sku|build|reference|ref|barcode|batch|transaction|version|id)"
    r"[^0-9\n]{0,12}$"
)


class Found(NamedTuple):
    """A piece of personal data: its kind, and where it begins and ends in the text."""

    kind: str
    begin: int
    end: int


Recogniser = Callable[[str], Iterator[Found]]
"""Finds one or more kinds in a folded text."""


def fold(text: str) -> str:
    """The text with digits, letters, dashes and spaces of other kinds as ASCII; each character keeps its place."""
    return text if text.isascii() else _FOLDED.sub(lambda match: _folded(match[0]), text)


@lru_cache(1024)
def _folded(character: str) -> str:
    if character in _DASHES:
        return "-"
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.category(character) in ("Cf", "Zs"):  # zero-width characters and spaces
        return " "
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def follows(words: re.Pattern[str], text: str, begin: int) -> bool:
    """Whether one of these words stands shortly before a place."""
    return bool(words.search(text[max(begin - _CONTEXT, 0) : begin].lower()))


def is_in_word(match: re.Match[str]) -> bool:
    """Whether a number without separators is part of a word of Latin letters, such as a hash."""
    around = match.string[max(match.start() - 1, 0) : match.start()] + match.string[match.end() : match.end() + 1]
    return match[0].isdigit() and any(map(str.isalpha, filter(str.isascii, around)))


def is_other_number(text: str, begin: int) -> bool:
    """Whether the words before a number say that it is that of an order, a product or the like."""
    return follows(_OTHER_NUMBERS, text, begin)


def digits_of(text: str) -> list[int]:
    """The digits in a text."""
    return [int(character) for character in text if character.isdigit()]
