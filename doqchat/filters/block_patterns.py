"""Patterns for the words of a block list, in the many ways that people write them."""

import re
from itertools import groupby

from doqchat.filters.hangul import spell, spelled

_REPEATS = 10
"""How often a letter may be repeated; without a bound, hostile texts would take quadratic time."""

_GAP = "[.1 ]{0,3}"
_PREFIXES = "아 야 와 이 그 저 개 아오 에이 어휴 아니 이런 존나 졸라 진짜 미친"

_LOOKALIKES = {"a": "a4@", "e": "e3", "i": "i1!|", "l": "l1|", "o": "o0", "s": "s5$", "t": "t7+", "u": "uv"}
_ENDINGS = "(?:e?[sd]|ers?|in[g']?|y|ty|faced?|heads?|you)?"
_NOTHING = "(?!)"


def syllables(words: list[str]) -> re.Pattern[str]:
    """Finds Hangul words, as the group `word`, in letters such as `hangul.spell` gives."""
    longest_first = sorted(words, key=len, reverse=True)
    prefixes = "|".join("".join(map(spelled, prefix)) for prefix in _PREFIXES.split())
    word = "|".join(_GAP.join(map(_letter, spell(word.replace(" ", ""))[0])) for word in longest_first)
    return re.compile(rf"(?:^|(?<=[. x]))(?:(?:{prefixes})[. ]?){{0,2}}(?P<word>{word or _NOTHING})(?![ㅏ-ㅣ])")


def initials(words: list[str]) -> re.Pattern[str]:
    """Finds consonants that stand for the syllables of words, in a text; laughter may be around them."""
    word = "|".join(r"[\W\d_]{0,2}".join(word) for word in words)
    return re.compile(rf"(?<![ㄱ-ㅊㅌㅍ])(?:{word or _NOTHING})(?![ㄱ-ㅊㅌㅍㅏ-ㅣ])")


def latin(words: list[str]) -> re.Pattern[str]:
    """Finds whole words with repeated letters, or with a gap after each letter, in a text in small letters."""
    first = "".join({_class(word[0]) for word in words})
    word = "|".join(map(_word, words))
    return re.compile(rf"(?=[{first}])(?<![a-z0-9])(?:{word})(?![a-z0-9])" if words else _NOTHING)


def _letter(letter: str) -> str:
    """One letter, repeated or, if it is a vowel, stretched as in 시이발."""
    if "ㅏ" <= letter <= "ㅣ":
        return rf"{letter}(?:\.?ㅇ?{letter}){{0,{_REPEATS}}}"
    return f"{re.escape(letter)}{{1,{_REPEATS}}}"


def _word(word: str) -> str:
    runs = [(letter, len(list(run))) for letter, run in groupby(word)]
    last = len(runs) - 1
    classes = [f"[{_class(letter)}{'*' if 0 < place < last else ''}]" for place, (letter, _) in enumerate(runs)]
    lengths = [length for _, length in runs]
    joined = "".join(f"{class_}{{{n},{n + _REPEATS}}}" for class_, n in zip(classes[:-1], lengths, strict=False))
    ending = f"{classes[-1]}{{{lengths[-1]}}}(?:{classes[-1]}{{2,{_REPEATS}}})?"  # twatt and slutter are words
    each = [class_ for class_, n in zip(classes, lengths, strict=True) for _ in range(n)]
    return rf"{joined}{ending}{_ENDINGS}|" + r"(?:[^\w\s]{1,2}|[\s_])".join(each)


def _class(letter: str) -> str:
    """A letter and those that look like it, inside the brackets of a pattern."""
    return re.escape(_LOOKALIKES.get(letter, letter))
