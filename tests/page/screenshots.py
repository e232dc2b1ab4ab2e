"""`make screenshots`: draws the pictures of the READMEs, from a conversation with the demo model."""

import asyncio
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

from tests import processes
from tests.page.conftest import ARGUMENTS, BROWSERS
from tests.page.window import Window
from tests.processes import ROOT, Web

SIZE = {"width": 1280, "height": 900}
STREAMED = re.compile(r"(.*\n){3}")
"""Enough of the model's answer: three lines."""


@dataclass(frozen=True)
class Scene:
    """A conversation to draw.

    Attributes:
        picture: the file in docs/images.
        locale: the browser's language.
        sid: the session's name.
        lines: pairs of role and text; the last one asks the model.
    """

    picture: str
    locale: str
    sid: str
    lines: tuple[tuple[str, str], ...]


SCENES = (
    Scene(
        "room.ko.png",
        "ko-KR",
        "busan-trip",
        (
            ("A", "안녕하세요! 지난번에 이야기한 부산 여행, 오늘 일정을 정해 볼까요?"),
            ("B", "네, 좋아요. 바다를 오래 보고 싶어요 🌊"),
            ("B", "이틀이면 충분할까요?"),
            ("A", "충분해요. 첫날은 해운대, 둘째 날은 영도로 가요. 기차는 아침 9시가 좋겠어요."),
            ("B", "숙소는 광안리 쪽으로 알아볼게요."),
            ("A", "좋아요! @llm 누가 무슨 이야기를 했는지 알려 주세요"),
        ),
    ),
    Scene(
        "room.png",
        "en-US",
        "trip-to-busan",
        (
            ("A", "Hi! Shall we plan our trip to Busan today?"),
            ("B", "Yes, let's. I'd like to spend a lot of time at the sea 🌊"),
            ("B", "Are two days enough?"),
            ("A", "I think so. Haeundae on the first day, Yeongdo on the second. Let's take the train at 9."),
            ("B", "I'll look for a hotel near Gwangalli."),
            ("A", "Great! @llm who said what so far?"),
        ),
    ),
)


async def draw(browser: Browser, web: Web, scene: Scene) -> None:
    """Play the scene in two windows, and save A's while the model answers."""
    context = await browser.new_context(locale=scene.locale, viewport=SIZE)
    windows = {role: Window(context, await context.new_page(), web.http) for role in "AB"}
    for role, window in windows.items():
        await window.enter(scene.sid, role)
    for number, (role, text) in enumerate(scene.lines, 1):
        await windows[role].say(text)
        await expect(windows["A"].texts).to_have_count(number)
    page = windows["A"].page
    await page.locator(".invite__link").evaluate(
        "(link, address) => { link.value = link.value.replace(address, 'localhost:3000') }", web.address
    )
    await expect(windows["A"].growing).to_have_text(STREAMED, use_inner_text=True)
    await page.screenshot(path=ROOT / "docs" / "images" / scene.picture)
    await context.close()


async def main() -> None:
    """Draw all scenes on a new site."""
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.valkey(Path(folder)) as store,
        processes.llm_worker(store.url),
        processes.web(DOQCHAT_REDIS_URL=store.url) as web,
    ):
        async with async_playwright() as playwright:
            installed = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = await playwright.chromium.launch(executable_path=installed, args=ARGUMENTS)
            for scene in SCENES:
                await draw(browser, web, scene)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
