"""Recognises the numbers of payment cards, by their prefixes and the check digit of ISO/IEC 7812."""

import re
from collections.abc import Iterator

from doqchat.filters.recogniser import AFTER, BEFORE, Found, digits_of, is_in_word, is_other_number

_CARD = re.compile(
    BEFORE + r"(?:[0-9]{4}(?P<gap>[-. ])"
    r"(?:[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}(?:(?P=gap)[0-9]{3})?|[0-9]{6}(?P=gap)[0-9]{4,5})"
    r"|[0-9]{14,19})" + AFTER
)
_ISSUED = re.compile(
    r"4(?:[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11}"  # Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"  # JCB
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"  # Discover
    r"|62[0-9]{14,17}"  # UnionPay
)
_KOREAN = re.compile(r"9[0-9]{15}")
"""Cards that are valid only in Korea; other numbers begin with 9 too, so these need their gaps."""


def cards(text: str) -> Iterator[Found]:
    """Card numbers; those of orders and the like are not, unless they are written in groups."""
    for match in _CARD.finditer(text):
        digits = digits_of(match[0])
        number = "".join(map(str, digits))
        is_likely = match["gap"] or not (is_in_word(match) or is_other_number(text, match.start()))
        is_issued = _ISSUED.fullmatch(number) or (match["gap"] and _KOREAN.fullmatch(number))
        if is_likely and is_issued and _has_check_digit(digits):
            yield Found("card", match.start(), match.end())


def _has_check_digit(digits: list[int]) -> bool:
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
