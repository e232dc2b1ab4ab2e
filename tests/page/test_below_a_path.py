"""The page of a site below a path: its scripts find the socket and the API there."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests import processes
from tests.page.conftest import OpenWindow
from tests.processes import Web


@pytest.fixture(scope="module")
def below(store_url: str, django_db_setup: None) -> Iterator[Web]:
    with processes.web(DOQCHAT_PATH="/chat/") as web:
        yield web


async def test_people_talk_and_set_the_policy_below_a_path(below: Web, open_window: OpenWindow, sid: str) -> None:
    window = await open_window(below)
    window.base += "/chat"
    await window.enter(sid)
    await window.say("Hello below")
    await window.shows("Hello below")
    policy = window.page.locator("#policy")
    async with window.page.expect_response(f"**/chat/api/chat/sessions/{sid}?*") as answered:
        await policy.select_option("off")
    assert (await answered.value).status == 200
    await window.page.reload()
    await expect(policy).to_have_value("off")


async def test_a_form_leads_to_a_room_below_the_path(below: Web, open_window: OpenWindow, sid: str) -> None:
    window = await open_window(below, locale="en-US")
    await window.page.goto(f"{window.base}/chat/")
    await window.page.get_by_text("Join a session by its name").click()
    await window.page.fill("#sid", sid)
    await window.page.get_by_role("button", name="Join as B").click()
    await window.is_connected()
    assert window.page.url.startswith(f"{window.base}/chat/s/{sid}/")
    await window.page.goto(f"{window.base}/chat/")
    await window.page.locator(".recent__link").click()
    await expect(window.page).to_have_url(f"{window.base}/chat/s/{sid}/?role=B")
