"""The room before its scripts are there, and where there are none."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.page.conftest import OpenWindow


async def test_what_is_typed_and_submitted_before_the_scripts_load_is_kept_and_sent(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    arrived = asyncio.Event()

    async def hold_up(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    await a.page.route("**/doqchat/js/room*.js", hold_up)
    address = f"{a.base}/s/{sid}/?role=A"
    await a.page.goto(address, wait_until="commit")
    field = a.page.locator(".composer__text")
    await a.say("one")
    await a.write("  two")
    await a.page.get_by_role("button", name="Send").click()
    await a.write("three")
    await a.page.press(".composer__text", "Control+Enter")
    await expect(field).to_have_value("")
    await a.write("@llm 안녕")
    assert a.page.url == address
    arrived.set()
    await a.shows("one", "  two", "three")
    await expect(a.page.locator(".timeline__stored .message--asked .message__text")).to_have_text("three")
    await expect(a.page.locator(".composer--asking")).to_have_count(1)
    await expect(field).to_have_value("@llm 안녕")
    await a.page.get_by_role("button", name="Ask", exact=True).click()
    await a.shows("one", "  two", "three", "@llm 안녕")


@pytest.mark.parametrize("script", [None, "?.", "throw Error()"], ids=["no script", "syntax", "error"])
async def test_what_was_submitted_comes_back_if_the_scripts_do_not_load_or_run(
    open_window: OpenWindow, sid: str, script: str | None
) -> None:
    a = await open_window()
    arrived = asyncio.Event()

    async def fail(route: Route) -> None:
        await arrived.wait()
        if script is None:
            await route.abort()
        else:
            await route.fulfill(body=script, content_type="text/javascript")

    await a.page.route("**/doqchat/js/outbox*.js", fail)
    address = f"{a.base}/s/{sid}/?role=A"
    await a.page.goto(address, wait_until="commit")
    await a.say("one")
    await a.write("two")
    arrived.set()
    field = a.page.locator(".composer__text")
    await expect(field).to_have_value("one\ntwo")
    await expect(a.page.get_by_role("alert").filter(has_text="Reload it.")).to_be_visible()
    await field.press("Enter")  # sends nothing, and takes nothing away
    await expect(field).to_have_value("one\ntwo")
    await a.page.unroute("**/doqchat/js/outbox*.js")
    await a.page.goto(address)
    await a.is_connected()
    await expect(field).to_have_value("one\ntwo")
    await field.press("Enter")
    await a.shows("one\ntwo")
    a.complaints.clear()


async def test_what_was_typed_and_submitted_on_a_page_that_is_left_before_its_scripts_load_is_its_draft(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("zero")
    await a.page.goto(f"{a.base}/healthz")
    await a.page.route("**/doqchat/js/room*.js", lambda route: None)  # is never answered
    await a.page.goto(f"{a.base}/s/{sid}/?role=A", wait_until="commit")
    await a.say("one")
    await a.write("two")
    await a.page.goto(f"{a.base}/healthz")
    await a.page.unroute("**/doqchat/js/room*.js")
    await a.enter(sid)
    await expect(a.page.locator(".composer__text")).to_have_value("zero\none\ntwo")


async def test_without_scripts_the_room_says_so_and_stays(open_window: OpenWindow, sid: str) -> None:
    for locale, sentence in (("en-US", "Without JavaScript"), ("ko-KR", "자바스크립트")):
        a = await open_window(locale=locale, java_script_enabled=False)
        await a.page.goto(f"{a.base}/s/{sid}/?role=A")
        await expect(a.page.locator("noscript p")).to_contain_text(sentence)
        await expect(a.page.locator(".composer")).to_be_hidden()
