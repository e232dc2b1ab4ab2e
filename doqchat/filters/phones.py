"""Recognises phone numbers: candidates by their form, which the package phonenumbers confirms."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import phonenumbers

from doqchat.filters.recogniser import AFTER, BEFORE, Found, Recogniser, follows, is_in_word, is_other_number

_GAP = r"(?: ?[-.~·] ?| )"
_MOBILE_GAP = r"(?: ?[-.~·/_,] ?| )?"
_CANDIDATE = re.compile(
    r"(?:"
    rf"(?<![0-9A-Za-z+])(?P<international>(?:\+|00(?=82)|(?=82[-. ]1[0-9])) ?[1-9][0-9]{{0,2}}{_GAP}?"
    rf"(?:\(0?[0-9]{{1,4}}\) ?)?[0-9]{{1,5}}(?:{_GAP}?[0-9]{{2,5}}){{1,5}})"
    rf"|{BEFORE}(?P<national>\(?0[0-9]{{1,4}}(?:\) ?|{_GAP})[0-9]{{3,4}}{_GAP}?[0-9]{{3,4}}"
    rf"|(?:1{_GAP})?(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}{_GAP})[2-9][0-9]{{2}}{_GAP}[0-9]{{4}})"
    rf"|{BEFORE}(?P<mobile>(?:010{_MOBILE_GAP}[0-9]{{4}}|01[16789]{_MOBILE_GAP}[0-9]{{3,4}}){_MOBILE_GAP}[0-9]{{4}}"
    r"|070[0-9]{8})"
    rf"|{BEFORE}(?P<plain>0[0-9]{{8,10}}|[2-9][0-9]{{9}})"
    r")" + AFTER
)
_PHONE_WORDS = re.compile(
    r"(?:전화|연락|번호|핸드폰|휴대폰|폰|팩스|문자|call|phone|tel|mobile|cell|fax|text)[^0-9\n]{0,16}$"
)


def phones(regions: Sequence[str]) -> Recogniser:
    """A recogniser of phone numbers.

    Args:
        regions: the countries whose numbers may be written without a country code, as two capital letters.

    Raises:
        ValueError: there is no such country.
    """
    for region in regions:
        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(f"there is no region {region!r}")

    def find(text: str) -> Iterator[Found]:
        for match in _CANDIDATE.finditer(text):
            if _is_likely(match) and _is_number(_dialled(match), tuple(regions)):
                yield Found("phone", match.start(), match.end())

    return find


def _is_likely(match: re.Match[str]) -> bool:
    """Whether the form, or a word before it, says that this is a phone number."""
    text, begin = match.string, match.start()
    if is_in_word(match):
        return False
    if match["plain"]:
        return follows(_PHONE_WORDS, text, begin) and not is_other_number(text, begin)
    return bool(match["international"] or match["mobile"]) or not is_other_number(text, begin)


def _dialled(match: re.Match[str]) -> str:
    """The digits, after a plus if they begin with a country code."""
    return ("+" if match["international"] else "") + re.sub(r"^00|[^0-9]", "", match[0])


@lru_cache(1024)
def _is_number(text: str, regions: tuple[str, ...]) -> bool:
    """Whether this is a valid number in one of the regions, or with its country code."""
    return any(_is_valid(text, region) for region in ((None,) if text.startswith("+") else regions))


def _is_valid(text: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False
