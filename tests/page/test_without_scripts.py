"""The room before its scripts are there, and where there are none."""

import asyncio

from playwright.async_api import Route, expect

from tests.page.conftest import OpenWindow


async def test_text_typed_before_the_scripts_load_is_kept(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    arrived = asyncio.Event()

    async def hold_up(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await a.page.route("**/doqchat/js/room*.js", hold_up)
    address = f"{a.base}/s/{sid}/?role=A"
    await a.page.goto(address, wait_until="commit")
    await a.write("@llm 안녕")
    for control in await a.page.locator(".composer button").all():
        await control.click(force=True)
    await a.page.press(".composer__text", "Control+Enter")
    await expect(a.page.locator(".composer__text")).to_have_value("@llm 안녕")
    arrived.set()
    await a.is_connected()
    await expect(a.page.locator(".composer--asking")).to_have_count(1)
    assert a.page.url == address
    await a.page.get_by_role("button", name="Send").click()
    await a.shows("@llm 안녕")


async def test_without_scripts_the_room_says_so_and_stays(open_window: OpenWindow, sid: str) -> None:
    for locale, sentence in (("en-US", "Without JavaScript"), ("ko-KR", "자바스크립트")):
        a = await open_window(locale=locale, java_script_enabled=False)
        address = f"{a.base}/s/{sid}/?role=A"
        await a.page.goto(address)
        await expect(a.page.locator("noscript p")).to_contain_text(sentence)
        await expect(a.page.locator(".composer button:enabled")).to_have_count(0)
        await a.write("hi")
        await a.page.press(".composer__text", "Enter")
        assert a.page.url == address
