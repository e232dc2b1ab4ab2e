"""What the pages promise by their form: links lead somewhere, languages agree, every setting is explained."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from doqchat.protocol.names import CLOSE_CODES, RESERVED_CLOSE_CODES
from tests.docs.pages import PAGES, ROOT, anchors, headings, links

DOCS = ROOT / "docs"
READMES = [ROOT / "README.md", ROOT / "README.ko.md"]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_there_in_both_languages() -> None:
    english, korean = ({page.name for page in (DOCS / language).glob("*")} for language in ("en", "ko"))
    assert english == korean != set()


@pytest.mark.parametrize(
    ("english", "korean"),
    [READMES, *((page, DOCS / "ko" / page.name) for page in sorted((DOCS / "en").glob("*.md")))],
    ids=name,
)
def test_both_languages_of_a_page_have_the_same_headings(english: Path, korean: Path) -> None:
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(korean)]


def test_the_table_of_contents_names_every_page() -> None:
    pages = {f"{page.parent.name}/{page.name}" for page in DOCS.glob("*/*.md")}
    assert pages <= set(links(DOCS / "README.md"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_close_codes_of_the_page_are_those_of_the_socket(language: str) -> None:
    page = (DOCS / language / "messages.md").read_text()
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", page, re.M)} == CLOSE_CODES.keys()
    assert all(str(code) in page for code in RESERVED_CLOSE_CODES)


@pytest.mark.parametrize("readme", READMES, ids=name)
def test_the_table_of_settings_has_exactly_the_variables_that_are_read(readme: Path) -> None:
    read = re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / "config" / "settings.py").read_text())
    explained = re.findall(r"^\| `([A-Z_]+)` \|[^|\n]*\|[^|\n]*\|$", readme.read_text(), re.M)
    assert sorted(explained) == sorted(set(read))
