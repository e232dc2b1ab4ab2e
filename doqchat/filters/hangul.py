"""Hangul as the letters that people type it with, so that whole, split and stretched syllables compare alike."""

import unicodedata

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = [
    "", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ",
    "ㅁ", "ㅂ", "ㅂㅅ", "ㅅ", "ㅆ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ",
]  # fmt: skip
_CLUSTERS = {
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ",
}  # fmt: skip
_FIRST, _LAST = ord("가"), ord("힣")
_LAUGHTER = set("ㅋㅎㅠㅜ")

MARK, DIGIT, SPACE, LETTER = ".", "1", " ", "x"
"""What stands for symbols and laughter, for digits, for white space, and for letters of other scripts."""


def is_hangul(character: str) -> bool:
    """Whether it is a syllable or a letter of Hangul."""
    return "가" <= character <= "힣" or "ㄱ" <= character <= "ㅣ"


def spelled(syllable: str) -> str:
    """The letters of a syllable, in the order of typing."""
    place = ord(syllable) - _FIRST
    if not 0 <= place <= _LAST - _FIRST:
        return _CLUSTERS.get(syllable, syllable)
    return _INITIALS[place // 588] + _VOWELS[place % 588 // 28] + _FINALS[place % 28]


def spell(text: str) -> tuple[str, list[int]]:
    """The letters of a text, and for each the place of its character.

    What is not Hangul becomes MARK, SPACE or LETTER; invisible characters have no letter.
    """
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        new = _letters(text, place, character)
        letters += new
        places += [place] * len(new)
    return "".join(letters), places


def _letters(text: str, place: int, character: str) -> str:
    if "가" <= character <= "힣":
        return spelled(character)
    if "ㄱ" <= character <= "ㅣ":
        return MARK if _is_laughter(text, place) or _is_dash(text, place) else spelled(character)
    if character.isspace():
        return SPACE
    if character.isalpha():
        return LETTER
    if character.isdigit():
        return DIGIT
    return "" if unicodedata.category(character) in ("Cf", "Mn") else MARK


def _is_laughter(text: str, place: int) -> bool:
    """Whether this is part of ㅋㅋ, ㅎㅎ, ㅠㅠ or the like, and of no split syllable."""
    around = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return text[place] in _LAUGHTER and all(not "ㄱ" <= next_ <= "ㅣ" or next_ in _LAUGHTER for next_ in around)


def _is_dash(text: str, place: int) -> bool:
    """Whether this ㅡ is a dash instead of the vowel of a split syllable."""
    return text[place] == "ㅡ" and not (place and "ㄱ" <= text[place - 1] <= "ㅎ")
