"""The project's Markdown pages as tests see them: fenced blocks, headings, links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCED = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^(#+) +(.+?) *$", re.M)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: the first word after the fence.
        tags: the words after it, which pages are rendered without: what a test shall do with the block, and for whom.
        text: the block's lines.
    """

    language: str
    tags: tuple[str, ...]
    text: str


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks, in order."""
    found = []
    for match in _FENCED.finditer(page.read_text()):
        language, *tags = match[1].split() or [""]
        found.append(Block(language, tuple(tags), match[2]))
    return found


def headings(page: Path) -> list[tuple[int, str]]:
    """The page's headings with their levels, in order."""
    return [(len(match[1]), match[2]) for match in _HEADING.finditer(_prose(page))]


def anchors(page: Path) -> set[str]:
    """The names under which other places link to the page's headings."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(page)}


def links(page: Path) -> list[str]:
    """Where the page's links and images point within the project."""
    targets = _LINK.findall(re.sub(r"`[^`\n]*`", "", _prose(page)))
    return [target for target in targets if "://" not in target]


def _prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text())
