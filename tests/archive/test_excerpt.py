"""Excerpts: the text around the first match, with the places of all matches in it."""

import unicodedata

import pytest

from doqchat.archive.excerpt import BEFORE, LENGTH, excerpt
from doqchat.store.search import search_terms


def marked(text: str, query: str) -> tuple[str, list[str]]:
    """The excerpt, and its marked parts."""
    found = excerpt(text, search_terms(query))
    return found.text, [found.text[first:last] for first, last in found.matches]


@pytest.mark.parametrize(
    ("text", "query", "matches"),
    [
        ("부산에서 부산까지", "부산", ["부산", "부산"]),
        (unicodedata.normalize("NFD", "부산에서"), "부산", ["부산"]),
        ("Die Straße, STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("ßßx ends", "sx ends", ["ßx", "ends"]),
        ("İstanbul", "stan", ["stan"]),
        ("banana", "ana nan", ["anan"]),
        ("aaaa", "aa", ["aa", "aa"]),
        ("😊 부산", "부산", ["부산"]),
        ("one\n\n two", '"one two"', ["one two"]),
        ("다른 말", "부산", []),
    ],
)
def test_matches_are_marked_as_they_were_written(text: str, query: str, matches: list[str]) -> None:
    shown, found = marked(text, query)
    assert shown == unicodedata.normalize("NFC", " ".join(text.split()))
    assert found == matches


def test_a_long_text_is_cut_around_its_first_match() -> None:
    shown, found = marked("가나 " * 500 + "부산에서 " + "다라 " * 500, "부산")
    assert found == ["부산"]
    assert shown.startswith("…가나 ")
    assert shown.endswith("…")
    assert len(shown) == LENGTH + 2
    assert shown.index("부산") <= BEFORE + 1


def test_words_longer_than_an_excerpt_are_cut_too() -> None:
    shown, found = marked("가" * 1_000 + "부산" + "나" * 1_000, "부산")
    assert (shown[0], shown[-1], found) == ("…", "…", ["부산"])
    shown, found = marked("나" + "가" * 1_000, "가" * 190)
    assert found == ["가" * (LENGTH - 1)]
