"""Rejects texts with words of a list, also when they are spaced, split, stretched or written in digits and symbols."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from doqchat.errors import Rejected
from doqchat.filters.block_patterns import initials, latin, syllables
from doqchat.filters.chain import Message
from doqchat.filters.hangul import is_hangul, spell, spelled

SHIPPED = Path(__file__).with_suffix(".txt")
"""A short list of Korean and English swear words and slurs."""

_PARTICLES = tuple(map(spelled, "놈년새아야들은는을를도의것나같롬"))
"""What may follow a word that is written with gaps; other syllables show that the gap is one between words."""


class BlockList:
    """A filter that rejects words.

    A Hangul word begins where a word of the text begins, and particles may follow it. A Latin word is a whole word.

    Args:
        words: further words; a space in one may be left out.
        allow: texts that are allowed although they contain a word.
        file: a list in UTF-8 with one entry a line, `+` before those to allow and `#` before comments; None for none.
        message: the sentence for the person.

    Raises:
        OSError: the file cannot be read.
        ValueError: a word does not begin with a letter.
    """

    def __init__(
        self,
        words: Sequence[str] = (),
        allow: Sequence[str] = (),
        file: str | Path | None = SHIPPED,
        message: str = "This message contains a word that is not allowed here.",
    ) -> None:
        entries = [*words, *(f"+{text}" for text in allow), *(_read(file) if file else ())]
        blocked = [_plain(entry) for entry in entries if not entry.startswith("+")]
        allowed = [re.escape(_plain(entry[1:].strip())) for entry in entries if entry.startswith("+")]
        self._message = message
        self._allowed = re.compile("|".join(allowed) or r"(?!)")
        if without := [word for word in blocked if not word[:1].isalpha()]:
            raise ValueError(f"the word {without[0]!r} does not begin with a letter")
        self._hangul = syllables([word for word in blocked if _has_syllables(word)])
        rest = [word for word in blocked if not _has_syllables(word)]
        self._others = (
            initials([word for word in rest if is_hangul(word[0])]),
            latin([word for word in rest if not is_hangul(word[0])]),
        )
        self._spaced = {word for word in blocked if " " in word}

    def __call__(self, message: Message) -> None:
        """Raises Rejected for a text with a word of the list."""
        if self.find(message.text) is not None:
            raise Rejected(self._message)

    def find(self, text: str) -> str | None:
        """The first part of a text that is a word of the list."""
        plain = _plain(text)
        allowed = [match.span() for match in self._allowed.finditer(plain)]
        others = (match.span() for pattern in self._others for match in pattern.finditer(plain))
        for begin, end in chain(self._hangul_words(plain), others):
            if not any(first <= begin and end <= last for first, last in allowed):
                return plain[begin:end]
        return None

    def _hangul_words(self, text: str) -> Iterator[tuple[int, int]]:
        letters, places = spell(text)
        for match in self._hangul.finditer(letters):
            begin, end = places[match.start("word")], places[match.end() - 1] + 1
            parts = text[begin:end].split()
            has_gaps = bool(re.search("[.1 ]", match["word"]))
            is_word = len(parts) == 1 or all(map(_is_one_syllable, parts))
            if " ".join(parts) in self._spaced or (is_word and (not has_gaps or _ends(letters, match.end()))):
                yield begin, end


def _read(file: str | Path) -> Iterator[str]:
    lines = map(str.strip, Path(file).read_text(encoding="utf-8").splitlines())
    return (line for line in lines if line and not line.startswith("#"))


def _plain(text: str) -> str:
    """The text in small letters, without accents, invisible characters, full width and stylised letters."""
    folded = text if text.isascii() else _unaccented(text)
    return folded.lower()


def _unaccented(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        character if is_hangul(character) else unicodedata.normalize("NFKD", character)[:1]
        for character in composed
        if unicodedata.category(character) not in ("Mn", "Cf")
    )


def _has_syllables(word: str) -> bool:
    return any("가" <= character <= "힣" for character in word)


def _is_one_syllable(part: str) -> bool:
    return sum(map(is_hangul, part)) == 1


def _ends(letters: str, place: int) -> bool:
    """Whether a word ends here: with the text, before something else than Hangul, or before a particle."""
    return not is_hangul(letters[place : place + 1] or " ") or letters.startswith(_PARTICLES, place)
