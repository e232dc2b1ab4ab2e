"""The way into a session."""

import re

import pytest
from playwright.async_api import expect

from tests.page.conftest import OpenWindow


async def test_a_new_session_gets_a_readable_name(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("B", exact=True).check()
    await window.page.get_by_role("button", name="Start a new session").click()
    await expect(window.page).to_have_url(re.compile(r"/s/[a-z]+-[a-z]+-[a-z0-9]{8}/\?role=B$"))
    await window.is_connected()


async def test_a_session_is_joined_by_its_name(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("Session name").fill(sid)
    await window.page.get_by_role("button", name="Join").click()
    await expect(window.page).to_have_url(f"{window.base}/s/{sid}/?role=A")
    await window.is_connected()


async def test_enter_in_the_field_joins_the_session_that_is_named_in_it(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("B", exact=True).check()
    await window.page.get_by_label("Session name").fill(sid)
    await window.page.keyboard.press("Enter")
    await expect(window.page).to_have_url(f"{window.base}/s/{sid}/?role=B")
    await window.is_connected()


async def test_enter_without_a_name_starts_nothing(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("Session name").press("Enter")
    assert await window.page.evaluate("document.querySelector('#sid').matches(':invalid:focus')")
    await expect(window.page).to_have_url(window.base + "/")


@pytest.mark.parametrize("sid", ["white%20space", "한글", "a" * 65, "semi;colon"])
async def test_a_bad_name_is_not_found_and_the_page_says_what_a_name_looks_like(
    open_window: OpenWindow, sid: str
) -> None:
    window = await open_window()
    response = await window.page.goto(f"{window.base}/s/{sid}/?role=A")
    assert response
    assert response.status == 404
    await expect(window.page.get_by_role("alert")).to_contain_text("A session name has 1 to 64 characters")
    window.complaints.clear()  # Chromium notes the 404


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b"])
async def test_a_bad_name_in_the_form_leads_into_no_session(open_window: OpenWindow, name: str) -> None:
    window = await open_window()
    response = await window.page.goto(f"{window.base}/?sid={name}&role=A")
    assert response
    assert response.status == 400
    await expect(window.page.get_by_role("alert")).to_be_visible()
    window.complaints.clear()  # Chromium notes the 400
