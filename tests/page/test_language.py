"""Korean and English, after the browser's language; the catalogues behind them."""

import re
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize
from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.processes import ROOT

APPS = ("chat", "config")
DJANGOS = {"Korean", "English"}  # the names of the languages, which Django translates
MARKED = re.compile(r"""\b(?:n?gettext|gettext_lazy|_)\(\s*(?:u?("(?:[^"\\]|\\.)*")|u?('(?:[^'\\]|\\.)*'))""")


@pytest.mark.parametrize(
    ("locale", "language", "lead", "placeholder"),
    [
        ("ko-KR", "ko", "두 사람과 언어 모델이 함께하는 대화", "메시지를 입력하세요"),
        ("en-GB", "en", "Two people and a language model, in one conversation.", "Write a message"),
        ("fr-FR", "en", "Two people and a language model, in one conversation.", "Write a message"),
    ],
)
async def test_the_page_speaks_the_browsers_language(
    open_window: OpenWindow, sid: str, locale: str, language: str, lead: str, placeholder: str
) -> None:
    window = await open_window(locale=locale)
    await window.page.goto(window.base + "/")
    await expect(window.page.locator("html")).to_have_attribute("lang", language)
    await expect(window.page.get_by_text(lead)).to_be_visible()
    await window.enter(sid)
    await expect(window.page.get_by_placeholder(placeholder)).to_be_visible()


async def test_what_scripts_say_is_in_the_browsers_language(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(locale="ko-KR"), await open_window(locale="en-US")
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await expect(a.page.locator(".status__text")).to_have_text("연결됨")
    await expect(b.page.locator(".status__text")).to_have_text("Connected")
    await b.say("hello")
    await a.say("안녕")
    await expect(a.page.locator(".message__author")).to_have_text(["B", "A (나)"])
    await expect(b.page.locator(".message__author")).to_have_text(["B (you)", "A"])


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("app", APPS)
def test_the_compiled_catalogue_is_that_of_the_source(app: str, language: str) -> None:
    folder = ROOT / app / "locale" / language / "LC_MESSAGES"
    source, compiled = polib.pofile(str(folder / "django.po")), polib.mofile(str(folder / "django.mo"))
    assert {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in compiled} == {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in source.translated_entries()
    }


@pytest.mark.parametrize(("app", "at_least"), [*zip(APPS, (50, 10), strict=True)])
def test_everything_an_app_says_is_translated_into_korean(app: str, at_least: int) -> None:
    catalogue = polib.pofile(str(ROOT / app / "locale/ko/LC_MESSAGES/django.po"))
    translated = {entry.msgid for entry in catalogue.translated_entries()}
    said = {text for file in _sources(app) for text in _marked(file)} - DJANGOS
    assert len(said) >= at_least
    assert said - translated == set()


@pytest.mark.parametrize("app", APPS)
def test_the_catalogues_hold_the_same_sentences(app: str) -> None:
    korean, english = [polib.pofile(str(ROOT / f"{app}/locale/{code}/LC_MESSAGES/django.po")) for code in ("ko", "en")]
    assert [entry.msgid for entry in korean] == [entry.msgid for entry in english]
    assert not [entry.msgid for entry in korean if entry.obsolete or entry.fuzzy]


@pytest.mark.parametrize("app", APPS)
def test_translations_keep_the_placeholders(app: str) -> None:
    placeholder = re.compile(r"\{\w+(?::\w+)?\}|%\(\w+\)s")
    for entry in polib.pofile(str(ROOT / app / "locale/ko/LC_MESSAGES/django.po")):
        translation = entry.msgstr or entry.msgstr_plural[0]
        assert sorted(placeholder.findall(entry.msgid)) == sorted(placeholder.findall(translation)), entry.msgid


def _sources(app: str) -> list[Path]:
    return [*(ROOT / app).rglob("*.py"), *(ROOT / app).rglob("*.html")]


def _marked(file: Path) -> list[str]:
    """The sentences that a module or a template marks for translation."""
    text = file.read_text()
    if file.suffix == ".html":
        text = templatize(text)
    return [eval(double or single) for double, single in MARKED.findall(text)]
