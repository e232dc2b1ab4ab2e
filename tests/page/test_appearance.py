"""Theme and language, chosen in the page and kept."""

import pytest
from playwright.async_api import expect

from tests.page.conftest import OpenWindow

SCHEME = "getComputedStyle(document.documentElement).colorScheme"


async def test_a_theme_is_chosen_in_the_room_and_kept(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(color_scheme="dark")
    await a.enter(sid)
    for name, scheme in (("Light", "light"), ("System", "light dark"), ("Dark", "dark")):
        await a.page.get_by_role("radio", name=name).check()
        assert await a.page.evaluate(SCHEME) == scheme
        for path in (f"/s/{sid}/", "/"):
            await a.page.goto(a.base + path)
            assert await a.page.evaluate(SCHEME) == scheme
            await expect(a.page.get_by_role("radio", name=name)).to_be_checked()
        await a.enter(sid)


async def test_the_system_colours_of_the_browser_are_those_of_the_theme(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.page.goto(window.base)
    await window.page.get_by_role("radio", name="Dark").check()
    bars = window.page.locator("meta[name=theme-color]")
    shown = await bars.evaluate_all("bars => bars.map((bar) => bar.content)")
    await window.page.reload()
    assert shown == ["rgb(21, 25, 26)"] * 2
    assert await bars.evaluate_all("bars => bars.map((bar) => bar.content)") == ["#15191a"] * 2


@pytest.mark.parametrize("path", ["/s/{sid}/", "/", "/nowhere"])
async def test_a_language_is_chosen_in_the_page_and_kept(open_window: OpenWindow, sid: str, path: str) -> None:
    window = await open_window(locale="fr-FR")
    page = window.page
    await page.goto(window.base + path.format(sid=sid))
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_role("radio", name="한국어").check()
    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    await window.enter(sid)
    await expect(page.get_by_placeholder("메시지를 입력하세요")).to_be_visible()
    await page.get_by_role("radio", name="English").check()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    window.complaints[:] = [text for text in window.complaints if "404" not in text]


async def test_what_was_typed_for_a_new_session_stays_in_another_language(open_window: OpenWindow) -> None:
    a = await open_window(locale="en-US")
    await a.page.goto(a.base)
    await a.page.get_by_label("Title").fill("Trip")
    await a.page.get_by_label("Me (B)").check()
    await a.page.get_by_text("More options").click()
    await a.page.get_by_label("Instructions for the AI").fill("Answer\nbriefly.")
    await a.page.get_by_text("한국어").click()
    await expect(a.page.locator("html")).to_have_attribute("lang", "ko")
    await expect(a.page.locator("[name=title]")).to_have_value("Trip")
    await expect(a.page.locator("input[name=role][value=B]")).to_be_checked()
    await expect(a.page.locator("[name=system]")).to_be_visible()
    await expect(a.page.locator("[name=system]")).to_have_value("Answer\nbriefly.")
    await a.page.reload()
    await expect(a.page.locator("[name=title]")).to_have_value("")
