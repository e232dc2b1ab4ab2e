"""Recognises the numbers of Korean residents, foreigners, businesses and passports."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from doqchat.filters.recogniser import AFTER, BEFORE, Found, digits_of, follows, is_in_word, is_other_number

_PERSON = re.compile(BEFORE + r"[0-9]{2}[01][0-9][0-3][0-9](?P<gap> ?- ?| |)[1-8][0-9]{6}" + AFTER)
_PERSON_WORDS = re.compile(
    r"(?:주민|외국인|등록번호|민증|\brrn\b|\barc\b|resident|registration|identity)[^0-9\n]{0,20}$"
)

_BUSINESS = re.compile(BEFORE + r"[1-9][0-9]{2}(?P<gap> ?- ?| |)[0-9]{2}(?P=gap)[0-9]{5}" + AFTER)
_BUSINESS_WORDS = re.compile(r"(?:사업자|등록번호|business)[^0-9\n]{0,20}$")
_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)

_PASSPORT = re.compile(
    r"(?<![0-9A-Za-z])"
    r"(?:(?P<new>[MSRODmsrod][0-9]{3}[A-Za-z][0-9]{4})|[A-Za-z]{1,2} ?[0-9]{6,8}|[0-9]{9})"
    r"(?![0-9A-Za-z])"
)
_PASSPORT_WORDS = re.compile(r"(?:여권|passport)[^0-9\n]{0,20}$")


def people(text: str) -> Iterator[Found]:
    """Resident and foreigner registration numbers.

    Numbers issued since October 2020 have no check digit. So a valid one is evidence, and only a number without a
    hyphen or of an order needs it.
    """
    for match in _PERSON.finditer(text):
        digits = digits_of(match[0])
        if is_in_word(match) or not _is_birthday(digits):
            continue
        begin = match.start()
        is_likely = not is_other_number(text, begin) if match["gap"] else follows(_PERSON_WORDS, text, begin)
        if is_likely or _has_check_digit(digits):
            yield Found("resident" if digits[6] < 5 else "foreigner", begin, match.end())


def businesses(text: str) -> Iterator[Found]:
    """Business registration numbers; without hyphens, only after a word that says so."""
    for match in _BUSINESS.finditer(text):
        digits, begin = digits_of(match[0]), match.start()
        is_likely = not is_other_number(text, begin) if "-" in match["gap"] else follows(_BUSINESS_WORDS, text, begin)
        checked = sum(w * d for w, d in zip(_BUSINESS_WEIGHTS, digits, strict=False)) + digits[8] * 5 // 10
        if is_likely and not is_in_word(match) and (10 - checked % 10) % 10 == digits[9]:
            yield Found("business", begin, match.end())


def passports(text: str) -> Iterator[Found]:
    """Passport numbers: Korean ones in the form of 2021, and any after a word that says so."""
    for match in _PASSPORT.finditer(text):
        begin = match.start()
        is_korean = match["new"] and match["new"].isupper() and not is_other_number(text, begin)
        if is_korean or follows(_PASSPORT_WORDS, text, begin):
            yield Found("passport", begin, match.end())


def _is_birthday(digits: list[int]) -> bool:
    """Whether the first seven digits are a day of birth until today: the seventh has the century."""
    year, month, day = (digits[place] * 10 + digits[place + 1] for place in (0, 2, 4))
    try:
        born = date((1900 if digits[6] in (1, 2, 5, 6) else 2000) + year, month, day)
    except ValueError:
        return False
    return born <= datetime.now(UTC).date() + timedelta(days=1)


def _has_check_digit(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of numbers issued until October 2020."""
    checked = sum((place % 8 + 2) * digit for place, digit in enumerate(digits[:12]))
    base = 11 if digits[6] < 5 else 13
    return (base - checked % 11) % 10 == digits[12]
