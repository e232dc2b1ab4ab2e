"""The room in Firefox."""

from pathlib import Path

import pytest

from tests.page.conftest import OpenWindow, Site
from tests.page.firefox import ENTER, LINE_BREAK, Firefox, find_firefox, firefox

CONNECTED = "document.querySelector('.status--connected')"
FOCUS = "document.querySelector('.composer__text').focus()"
GROWING = "document.querySelector('.timeline__growing .message__text')"
HEIGHT = "document.querySelector('.composer__text').offsetHeight"


@pytest.mark.skipif(find_firefox() is None, reason="There is no Firefox here: `apt install firefox-esr`.")
async def test_people_talk_with_each_other_and_the_model_in_firefox(
    open_window: OpenWindow, site: Site, sid: str, tmp_path: Path
) -> None:
    b = await open_window(site.web)
    await b.enter(sid, "B")
    async with firefox(tmp_path) as a:
        await a.open(f"{site.web.http}/s/{sid}/?role=A")
        await a.until(CONNECTED)
        await a.evaluate(FOCUS)
        await a.type(f"안녕하세요{ENTER}")
        await b.shows("안녕하세요")
        await b.say("Hello")
        await a.until("document.querySelector('.timeline__stored').textContent.includes('Hello')")
        await _answers_survive_a_reload(a)
        await _field_grows_and_keeps_its_draft(a)
        await _theme_is_kept(a)
        assert a.complaints == []


async def _answers_survive_a_reload(a: Firefox) -> None:
    """A reply streams, goes on after a reload in the middle of it, and is shown as Markdown."""
    await a.type(f"@llm [[pieces=20 pace=0.1]]{ENTER}")
    await a.until(f"{GROWING}?.textContent.includes('조각 2')")
    await a.reload()
    await a.until("document.querySelector('.timeline__stored .message--answer')?.textContent.includes('조각 20')")
    await a.until(CONNECTED)
    await a.evaluate(FOCUS)
    await a.type(f"# 제목{LINE_BREAK}- **굵게**{LINE_BREAK}- $x^2${ENTER}")
    await a.until("document.querySelector('.message--own h2 ~ ul li strong')?.textContent === '굵게'")
    await a.until("document.querySelector('.message--own math')")


async def _field_grows_and_keeps_its_draft(a: Firefox) -> None:
    height = await a.evaluate(HEIGHT)
    await a.type(f"one{LINE_BREAK}two{LINE_BREAK}three")
    assert await a.evaluate(HEIGHT) > height
    await a.reload()
    await a.until(CONNECTED)
    assert await a.evaluate("document.querySelector('.composer__text').value") == "one\ntwo\nthree"


async def _theme_is_kept(a: Firefox) -> None:
    await a.evaluate("document.querySelector('[name=theme][value=dark]').click()")
    await a.reload()
    await a.until(CONNECTED)
    assert await a.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
