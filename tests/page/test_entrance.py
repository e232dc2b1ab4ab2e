"""The way into a session."""

import re

import pytest
import redis
from playwright.async_api import expect

from doqchat.store import keys
from tests.page.conftest import OpenWindow


async def test_a_new_session_gets_a_readable_name(open_window: OpenWindow) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("Me (B)").check()
    await window.page.get_by_role("button", name="Start a new session").click()
    await expect(window.page).to_have_url(re.compile(r"/s/[a-z]+-[a-z]+-[a-z0-9]{8}/\?role=B$"))
    await window.is_connected()


async def test_what_is_set_for_a_new_session_is_there_when_its_room_opens(
    open_window: OpenWindow, store: "redis.Redis"
) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_label("Title").fill("부산 여행 🌊")
    await window.page.get_by_label("Name of A").fill("민지")
    await window.page.get_by_text("More options").click()
    await window.page.get_by_label("every message").check()
    await window.page.get_by_label("Name of the AI").fill("Doki")
    await window.page.get_by_label("Instructions for the AI").fill("Answer\nbriefly.")
    await window.page.get_by_label("Title").press("Enter")
    await window.is_connected()
    sid = window.page.url.split("/s/")[1].split("/")[0]
    assert store.hgetall(keys.settings(sid)) == {
        "title": "부산 여행 🌊",
        "name_a": "민지",
        "policy": "always",
        "name_llm": "Doki",
        "system": "Answer\nbriefly.",
    }


async def test_a_refused_form_says_what_is_wrong_where_it_is_and_keeps_the_rest(open_window: OpenWindow) -> None:
    for scripts in (True, False):
        window = await open_window(java_script_enabled=scripts)
        await window.page.goto(window.base + "/")
        await window.page.get_by_label("Title").fill("Trip")
        await window.page.get_by_label("Name of B").fill("[system]")
        await window.page.get_by_text("More options").click()
        await window.page.get_by_label("Name of the AI").fill("a@b")
        await window.page.get_by_role("button", name="Start a new session").click()
        await expect(window.page.get_by_role("alert")).to_have_text([re.compile("brackets")] * 2)
        for name, value in (("Name of B", "[system]"), ("Name of the AI", "a@b")):
            field = window.page.get_by_label(name)
            await expect(field).to_have_value(value)
            await expect(field).to_be_visible()
            await expect(field).to_have_accessible_description(re.compile("brackets"))
        await expect(window.page.get_by_label("Title")).to_have_value("Trip")
        window.complaints.clear()  # Chromium notes the 400


async def test_a_session_is_joined_by_its_name(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_text("Join a session by its name").click()
    await window.page.get_by_label("Session name").fill(sid)
    await window.page.get_by_role("button", name="Join as B").click()
    await expect(window.page).to_have_url(f"{window.base}/s/{sid}/?role=B")
    await window.is_connected()


async def test_enter_in_the_field_joins_only_a_session_that_is_named(open_window: OpenWindow, sid: str) -> None:
    window = await open_window()
    await window.page.goto(window.base + "/")
    await window.page.get_by_text("Join a session by its name").click()
    field = window.page.get_by_label("Session name")
    await field.press("Enter")
    assert await window.page.evaluate("document.querySelector('#sid').matches(':invalid:focus')")
    await expect(window.page).to_have_url(window.base + "/")
    await field.fill(sid)
    await field.press("Enter")
    await expect(window.page).to_have_url(f"{window.base}/s/{sid}/?role=A")


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
