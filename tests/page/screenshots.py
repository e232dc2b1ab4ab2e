"""`make screenshots`: draws the pages in both languages, on desktops and phones, in light and dark.

The pictures of the READMEs go to docs/images, the others to .build/screenshots, to be looked at before a release. A
stand-in answers as the model.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests import processes
from tests.page.conftest import ARGUMENTS, BROWSERS
from tests.page.window import Window
from tests.processes import ROOT, Web

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
OF_README = ROOT / "docs" / "images"
OTHERS = ROOT / ".build" / "screenshots"
PIECES = 40


@dataclass(frozen=True)
class Scene:
    """A conversation to draw.

    Attributes:
        language: `ko` or `en`.
        locale: the browser's.
        sid: the session.
        settings: the session's title and names.
        lines: pairs of role and text; the last one asks the model.
        answer: what the model says.
        query: what is searched for.
        others: the name, the title and the last message of other sessions, for the home page.
    """

    language: str
    locale: str
    sid: str
    settings: dict[str, str]
    lines: tuple[tuple[str, str], ...]
    answer: str
    query: str
    others: tuple[tuple[str, str, str], ...]


SCENES = (
    Scene(
        "ko",
        "ko-KR",
        "busan-trip",
        {"title": "부산 여행", "name_a": "김민지", "name_b": "이준호", "name_llm": "도우미"},
        (
            ("A", "안녕하세요! 지난번에 이야기한 부산 여행, 오늘 일정을 정해 볼까요?"),
            ("B", "네, 좋아요. **바다**를 오래 보고 싶어요 🌊"),
            ("B", "이틀이면 충분할까요?"),
            ("A", "충분해요. 첫날은 해운대, 둘째 날은 영도로 가요. 기차는 아침 9시가 좋겠어요."),
            ("A", "@도우미 지금까지 정한 것을 표로 정리해 주세요"),
        ),
        "지금까지 정한 **일정**이에요.\n\n| 날 | 곳 | 할 일 |\n| --- | --- | --- |\n| 첫날 | 해운대 | 바다 보기 |\n"
        "| 둘째 날 | 영도 | 산책 |\n\n남은 일:\n\n1. 아침 9시 기차 예매\n2. 광안리 쪽 숙소 찾기\n\n"
        "```python\ncost = 2 * (59_800 + 90_000)\nprint(f'{cost:,}원')\n```\n\n두 분이면 약 30만 원이에요.",
        "바다",
        (
            ("book-club", "수요 독서 모임", "이번 주는 4장까지 읽고 만나요."),
            ("korean-2", "한국어 회화 2", "‘-(으)ㄹ게요’는 언제 쓰나요?"),
            ("moving", "이사 준비", "견적은 두 곳에서 받았어요."),
        ),
    ),
    Scene(
        "en",
        "en-US",
        "trip-to-busan",
        {"title": "Trip to Busan", "name_a": "Minji Kim", "name_b": "Noah Lee", "name_llm": "Guide"},
        (
            ("A", "Hi! Shall we plan our trip to Busan today?"),
            ("B", "Yes, let's. I'd like to spend a lot of time at the **sea** 🌊"),
            ("B", "Are two days enough?"),
            ("A", "I think so. Haeundae on the first day, Yeongdo on the second. Let's take the train at 9."),
            ("A", "@Guide put what we have so far into a table"),
        ),
        "This is the **plan** so far.\n\n| day | place | what |\n| --- | --- | --- |\n| first | Haeundae | beach |\n"
        "| second | Yeongdo | a walk |\n\nTo do:\n\n1. book the train at 9\n2. find a hotel near Gwangalli\n\n"
        "```python\ncost = 2 * (59_800 + 90_000)\nprint(f'{cost:,} won')\n```\n\nThat is about 300,000 won for two.",
        "sea",
        (
            ("reading", "Book club", "Let's read up to chapter 4 this week."),
            ("korean-one", "Korean for beginners", "When do I use -(으)ㄹ게요?"),
            ("new-flat", "Moving house", "I have quotes from two companies now."),
        ),
    ),
)


class Drawing:
    """One scene, on a site of its own."""

    def __init__(self, browser: Browser, web: Web, scene: Scene) -> None:
        self._browser = browser
        self._web = web
        self._scene = scene

    async def draw(self) -> None:
        """Play the conversation and save all pictures."""
        await self._change_settings(self._scene.sid, self._scene.settings)
        desktop = await self._context(DESKTOP, "light")
        a, b = [await self._enter(desktop, role) for role in "AB"]
        for number, (role, text) in enumerate(self._scene.lines, 1):
            await {"A": a, "B": b}[role].say(text)
            await expect(a.texts).to_have_count(number)
        await self._show_public_address(a.page)
        await a.page.wait_for_selector(".timeline__growing table")
        await self._save(a.page, OF_README, "room")
        await expect(a.answers).to_have_count(1)
        await self._save(a.page, OTHERS, "answer")
        await b.page.click(".room__search")
        await b.page.fill(".search__text", self._scene.query)
        await b.page.wait_for_selector("mark")
        await self._save(b.page, OTHERS, "search")
        await desktop.close()
        await self._draw_home()
        await self._draw_phones()

    async def _draw_home(self) -> None:
        """The home page of somebody with several sessions, in which there is something new."""
        context = await self._context(DESKTOP, "light")
        for sid, title, _ in self._scene.others:
            await self._change_settings(sid, {"title": title})
            await (await self._enter(context, "A", sid)).page.close()
        home = (await self._enter(context, "A")).page
        await home.goto(f"{self._web.http}/")
        for sid, _, text in self._scene.others:
            message = {"hd": {"event": "chat.message", "role": "B"}, "bd": {"text": text}}
            await self._call("POST", f"{sid}/messages", message)
        await home.reload()
        await expect(home.locator(".recent__unread:not([hidden])")).to_have_count(len(self._scene.others))
        await self._save(home, OF_README, "home")
        await context.close()

    async def _draw_phones(self) -> None:
        """Phones and states."""
        for theme in ("dark", "light"):
            context = await self._context(PHONE, theme, has_touch=True, is_mobile=True)
            phone = (await self._enter(context, "A")).page
            await phone.wait_for_selector(".message--answer table")
            await self._save(phone, *((OF_README, "phone") if theme == "dark" else (OTHERS, "phone-light")))
            await phone.click(".room__menu")
            await phone.wait_for_selector(".drawer[open]")
            await self._save(phone, OTHERS, f"details-{theme}")
            await phone.keyboard.press("Escape")
            await context.set_offline(True)
            await phone.wait_for_selector(".status--offline")
            await self._save(phone, OTHERS, f"offline-{theme}")
            await context.set_offline(False)
            await phone.goto(f"{self._web.http}/nowhere")
            await self._save(phone, OTHERS, f"not-found-{theme}")
            await context.close()

    async def _change_settings(self, sid: str, settings: dict[str, str]) -> None:
        await self._call("PATCH", sid, settings)

    async def _call(self, method: str, path: str, body: dict[str, Any]) -> None:
        url = f"{self._web.http}/api/chat/sessions/{path}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        await asyncio.to_thread(lambda: urllib.request.urlopen(request).close())

    async def _context(self, size: Any, theme: Any, **options: Any) -> BrowserContext:
        options |= {"locale": self._scene.locale, "viewport": size, "color_scheme": theme, "reduced_motion": "reduce"}
        return await self._browser.new_context(**options)

    async def _enter(self, context: BrowserContext, role: str, sid: str = "") -> Window:
        window = Window(context, await context.new_page(), self._web.http)
        await window.enter(sid or self._scene.sid, role)
        return window

    async def _show_public_address(self, page: Page) -> None:
        show = "(link, address) => { link.value = link.value.replace(address, 'localhost:3000') }"
        await page.locator(".invite__link").evaluate(show, self._web.address)

    async def _save(self, page: Page, folder: Path, name: str) -> None:
        suffix = "" if self._scene.language == "en" else f".{self._scene.language}"
        await page.screenshot(path=folder / f"{name}{suffix}.png")
        sys.stdout.write(f"{(folder / f'{name}{suffix}.png').relative_to(ROOT)}\n")


def answer_with(provider: str, text: str) -> None:
    """Have the stand-in answer with the text, slowly enough to be drawn on the way."""
    script = {"text": text, "pieces": PIECES, "pace": 0.1}
    urllib.request.urlopen(f"{provider}/script", json.dumps(script).encode()).close()


async def main() -> None:
    """Draw all scenes."""
    OTHERS.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(processes.gemini())
        store = stack.enter_context(processes.valkey(folder))
        variables = {
            "DOQCHAT_REDIS_URL": store.url,
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "GEMINI_API_KEY": "right-key",
            "GEMINI_BASE_URL": provider,
            "DOQCHAT_LLM_MODEL": "",
        }
        processes.migrate(variables)
        stack.enter_context(processes.llm_worker(store.url, **variables))
        web = stack.enter_context(processes.web(**variables))
        async with async_playwright() as playwright:
            installed = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = await playwright.chromium.launch(executable_path=installed, args=ARGUMENTS)
            for scene in SCENES:
                answer_with(provider, scene.answer)
                await Drawing(browser, web, scene).draw()
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
