"""The room in Firefox."""

from pathlib import Path

import pytest

from tests.page.conftest import OpenWindow, Site
from tests.page.firefox import ENTER, find_firefox, firefox

pytestmark = pytest.mark.slow


@pytest.mark.skipif(find_firefox() is None, reason="There is no Firefox here: `apt install firefox-esr`.")
async def test_people_talk_with_each_other_and_the_model_in_firefox(
    open_window: OpenWindow, site: Site, sid: str, tmp_path: Path
) -> None:
    b = await open_window(site.web)
    await b.enter(sid, "B")
    async with firefox(tmp_path) as a:
        await a.open(f"{site.web.http}/s/{sid}/?role=A")
        await a.until("document.querySelector('.status--connected')")
        await a.evaluate("document.querySelector('.composer__text').focus()")
        await a.type(f"안녕하세요{ENTER}")
        await b.shows("안녕하세요")
        await b.say("Hello")
        await a.until("document.querySelector('.timeline__stored').textContent.includes('Hello')")
        await a.type(f"@llm [[pieces=3]]{ENTER}")
        await a.until("document.querySelector('.timeline__stored .message--answer')?.textContent.includes('조각 3')")
        assert a.complaints == []
