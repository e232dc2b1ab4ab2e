"""Folding of text for search."""

import re
import sys
from collections.abc import Iterator
from unicodedata import combining, normalize

import pytest

from doqchat.store.folding import LONGEST_COMPOSED, LONGEST_RUN, folded, stream_safe

ACUTE, CEDILLA = "\u0301", "\u0327"
ZALGO = "".join(letter + "\u0315\u0300\u0316" * 7 for letter in "zalgo")


def all_characters() -> Iterator[str]:
    return (chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number < 0xE000)


def longest_run(text: str) -> int:
    """The maximum number of consecutive combining marks of the decomposed text."""
    lengths = [0]
    for character in "".join(normalize("NFD", character) for character in text):
        lengths.append(lengths[-1] + 1 if combining(character) else 0)
    return max(lengths)


@pytest.mark.parametrize(
    "text",
    [
        "한국어 문장입니다",
        "Tiếng Việt có dấu",
        "ภาษาไทยไม่มีช่องว่าง",
        "हिन्दी में क्ष और ड़",
        "ᾧ ΐ Ϋ",
        ZALGO,
        "가나다 👩‍👩‍👧‍👦🏳️‍🌈" * 20,
    ],
)
def test_a_text_is_the_same_however_its_characters_are_composed(text: str) -> None:
    assert folded(normalize("NFD", text)) == folded(normalize("NFC", text)) == folded(text)


@pytest.mark.parametrize("text", ["Straße", "ﬃ", "İstanbul", "ΣΊΣΥΦΟΣ"])
def test_a_text_is_the_same_in_every_case(text: str) -> None:
    assert folded(text) == folded(text.casefold())


def test_no_text_of_a_writing_system_is_changed_before_it_is_normalised() -> None:
    for text in ("각" * 100, normalize("NFD", "ế" * 1_000), "😀" * 100, " " * 100, "\u200d\ufe0f" * 100, ZALGO):
        assert stream_safe(text) == text


@pytest.mark.parametrize(
    "marks",
    [ACUTE * 100_000, (ACUTE + CEDILLA) * 50_000, "\u0344" * 10_000, "\u0f73\u0f71" * 10_000, "\U0001d165" * 10_000],
)
def test_marks_in_a_row_are_divided_into_runs_of_bounded_length(marks: str) -> None:
    for text in (marks, f"a{marks}", f"😀 {marks} b"):
        safe = stream_safe(text)
        assert safe.replace("\u034f", "") == text
        assert max(map(len, re.findall(f"[{marks[:2]}]+", safe))) == LONGEST_RUN
        assert longest_run(folded(text)) <= 2 * LONGEST_RUN


def test_every_mark_of_unicode_is_counted() -> None:
    marks = "".join(character for character in all_characters() if combining(normalize("NFD", character)[0]))
    assert len(stream_safe(marks)) == len(marks) + (len(marks) - 1) // LONGEST_RUN


def test_a_text_of_marks_alone_still_finds_itself() -> None:
    marks = "e" + (ACUTE + CEDILLA) * 100
    assert folded(marks) in folded(f"Caf{marks}")
    assert folded(ACUTE) not in folded(CEDILLA * 100)


def test_no_character_is_composed_of_more_than_four() -> None:
    assert max(len(normalize("NFD", c)) / len(normalize("NFC", c)) for c in all_characters()) == LONGEST_COMPOSED
