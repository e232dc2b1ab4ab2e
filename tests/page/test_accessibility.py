"""axe-core finds nothing on the pages: on phones and desktops, in light and dark."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from itertools import product

import pytest
from playwright.async_api import Page, expect

from tests.page.conftest import OpenWindow
from tests.page.window import Window

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
# Preloading, axe resolves the imports of a stylesheet against the page's address.
RUN = """axe.run({preload: false}).then(
    ({violations}) => violations.map(({id, nodes}) => [id, ...nodes.map(({target}) => target.join())])
)"""
SIZES = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}, {"width": 740, "height": 200}]


async def violations(page: Page) -> list[list[str]]:
    """The rules that the page breaks in any of the sizes and themes, each with its elements."""
    found = []
    await page.evaluate(f"{AXE};0")
    for size, scheme in product(SIZES, ("light", "dark")):
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [[str(size["width"]), scheme, *rule] for rule in await page.evaluate(RUN)]
    return found


@pytest.mark.parametrize("path", ["/", "/nowhere", "/?sid=a%20b"])
async def test_the_front_and_error_pages_are_accessible(open_window: OpenWindow, path: str) -> None:
    window = await open_window(locale="ko-KR")
    await window.page.goto(window.base + path)
    assert await violations(window.page) == []
    window.complaints.clear()  # Chromium notes the 404 and the 400


async def empty(window: Window) -> None:
    await expect(window.page.locator(".timeline__invite")).to_be_visible()


async def changed(window: Window) -> None:
    """A line with a button, at the end and within the conversation."""
    await in_conversation(window)
    for number, policy in enumerate(("always", "off")):
        await window.page.locator("#policy").select_option(policy, force=True)
        await expect(window.page.locator(".changes__line")).to_have_count(number + 1)
        await window.page.focus(".composer__text")
        if policy == "always":
            await window.say("more")
            await window.shows("hello", "more")


async def in_conversation(window: Window) -> None:
    await window.say("hello")
    await window.shows("hello")


async def offline(window: Window) -> None:
    await window.context.set_offline(True)
    await expect(window.page.locator(".status--offline")).to_be_visible()


async def asking(window: Window) -> None:
    await window.page.locator(".composer__ask").click()
    await window.page.focus(".composer__text")
    await window.page.keyboard.type("@")
    await expect(window.page.locator("#completion")).to_be_visible()


async def too_long(window: Window) -> None:
    await window.write("a" * 8_001)
    await expect(window.page.locator(".composer__count")).to_be_visible()


async def shortcuts(window: Window) -> None:
    await window.page.focus(".timeline")
    await window.page.keyboard.press("?")
    await expect(window.page.locator(".shortcuts")).to_be_visible()


@pytest.mark.parametrize("reach", [empty, in_conversation, changed, offline, asking, too_long, shortcuts])
async def test_the_room_is_accessible(
    open_window: OpenWindow, sid: str, reach: Callable[[Window], Awaitable[None]]
) -> None:
    window = await open_window(locale="ko-KR")
    await window.enter(sid)
    await reach(window)
    assert await violations(window.page) == []


async def test_the_details_of_a_phone_are_accessible(open_window: OpenWindow, sid: str) -> None:
    window = await open_window(viewport=SIZES[1])
    await window.enter(sid)
    await window.open_details()
    await window.page.evaluate(f"{AXE};0")
    assert await window.page.evaluate(RUN) == []
