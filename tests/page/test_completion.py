"""Names are completed while a mention is typed."""

import pytest
from playwright.async_api import Locator, expect

from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web
from tests.replies.conversation import change


def options(window: Window) -> Locator:
    return window.page.locator("#completion [role=option]:visible")


async def test_the_list_is_used_with_the_keyboard(open_window: OpenWindow, server: Web, sid: str) -> None:
    change(server, sid, name_llm="도우미", name_b="Bora Kim")
    a = await open_window()
    await a.enter(sid)
    await expect(a.page.locator("#policy")).to_be_enabled()  # the settings are known
    field = a.page.locator(".composer__text")
    await field.focus()
    await a.page.keyboard.type("so @")
    await expect(options(a)).to_have_text(["@도우미", "@llm", "@Bora Kim"])
    await a.page.keyboard.press("ArrowUp")
    active = await field.get_attribute("aria-activedescendant")
    await expect(a.page.locator(f"#{active}")).to_have_text("@Bora Kim")
    await a.page.keyboard.press("Tab")
    await expect(field).to_have_value("so @Bora Kim ")
    await expect(field).to_be_focused()
    await a.page.keyboard.type("＠L")
    await expect(options(a)).to_have_text(["@llm"])
    await a.page.keyboard.press("Escape")
    await expect(options(a)).to_have_count(0)
    await a.page.keyboard.press("Enter")
    await a.shows("so @Bora Kim ＠L")


async def test_a_name_is_completed_by_touch(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await a.enter(sid)
    await a.page.tap(".composer__text")
    await a.page.keyboard.type("안녕@")
    await options(a).first.tap()
    await expect(a.page.locator(".composer__text")).to_have_value("안녕@llm ")
    await expect(a.page.locator(".composer__text")).to_be_focused()


async def test_a_name_in_the_middle_of_a_text_is_followed_by_one_space(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    field = a.page.locator(".composer__text")
    await a.write("so  why")
    await field.evaluate("field => field.setSelectionRange(3, 3)")
    await a.page.keyboard.type("@l")
    await expect(options(a)).to_have_text(["@llm"])
    await a.page.keyboard.press("Enter")
    await expect(field).to_have_value("so @llm why")
    await a.page.keyboard.type("!")
    await expect(field).to_have_value("so @llm !why")


@pytest.mark.parametrize("text", ["@llm", "@llm why", "me@", "a/@", "@zz"])
async def test_other_texts_are_sent_by_enter(open_window: OpenWindow, sid: str, text: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("@")
    await expect(options(a)).to_have_count(1)
    await a.write(text)
    await expect(options(a)).to_have_count(0)
    await a.page.press(".composer__text", "Enter")
    await a.shows(text)
