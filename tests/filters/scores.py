"""Compares what a filter finds with what a corpus has marked."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"

_MARK = re.compile(r"<(/?)([a-z_]+)>")


class Line(NamedTuple):
    """A line of the corpus: its text without marks, and each mark with its place."""

    language: str
    text: str
    marked: set[tuple[str, int, int]]


class Score(NamedTuple):
    """How often a kind was found rightly, found wrongly, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def lines(*files: str) -> Iterator[Line]:
    """The lines of these files, whose second column has marks such as `<phone>010-1234-5678</phone>`."""
    for file in files:
        for row in (CORPUS / file).read_text(encoding="utf-8").splitlines()[1:]:
            language, text = row.split("\t")
            yield _parsed(language, text)


def scores(compared: Iterable[tuple[set[tuple[str, int, int]], set[tuple[str, int, int]]]]) -> dict[str, Score]:
    """The score of each kind, from pairs of what is marked and what was found."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for marked, found in compared:
        right.update(kind for kind, *_ in marked & found)
        wrong.update(kind for kind, *_ in found - marked)
        missed.update(kind for kind, *_ in marked - found)
    return {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in sorted(right | wrong | missed)}


def _parsed(language: str, text: str) -> Line:
    plain, end, begin, marked = "", 0, 0, set()
    for mark in _MARK.finditer(text):
        plain += text[end : mark.start()]
        end = mark.end()
        if mark[1]:
            marked.add((mark[2], begin, len(plain)))
        else:
            begin = len(plain)
    return Line(language, plain + text[end:], marked)
