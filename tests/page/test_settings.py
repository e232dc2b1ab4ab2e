"""The session's settings in the room, but for the reply policy: see test_policy.py."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, expect

from tests import processes
from tests.access.credentials import SHARED, token
from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires tokens."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


async def field(window: Window, label: str) -> Locator:
    """A control, with the section open."""
    await window.page.locator(".settings__more").evaluate("details => { details.open = true }")
    return window.page.get_by_label(label, exact=True)


async def test_a_title_names_the_room_in_every_window_at_once_and_later(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    title = await field(a, "Title of the conversation")
    await title.fill("수학 <b>과외</b>")
    await title.press("Enter")
    await expect(a.page.get_by_text("Saved")).to_be_visible()
    for window in (a, b):
        await expect(window.page.locator("h1")).to_have_text("수학 <b>과외</b>")
        await expect(window.page).to_have_title("수학 <b>과외</b> · doqchat")
    await expect(await field(b, "Title of the conversation")).to_have_value("수학 <b>과외</b>")
    response = await b.page.reload()
    assert response
    assert "수학 &lt;b&gt;과외&lt;/b&gt;</h1>" in await response.text()


async def test_an_invalid_value_is_explained_and_kept_for_correction(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    name, wait = await field(a, "Name of the AI"), a.page.get_by_role("spinbutton")
    await name.fill("[Haru]")
    await name.blur()
    await expect(a.page.get_by_text("A name has at most 40 characters,")).to_be_visible()
    await expect(name).to_have_value("[Haru]")
    await expect(name).to_have_attribute("aria-invalid", "true")
    await wait.fill("99")
    await wait.blur()
    await expect(a.page.get_by_text("Enter a number between 0.3 and 30.")).to_be_visible()
    await name.fill("Haru")
    await name.blur()
    await expect(a.page.get_by_text("Saved")).to_be_visible()
    await expect(a.page.get_by_text("A name has at most 40 characters,")).to_have_count(0)
    a.complaints[:] = [text for text in a.complaints if "400" not in text]


async def test_changes_by_somebody_else_appear_except_in_the_field_that_is_edited(
    a_and_b: tuple[Window, Window],
) -> None:
    a, b = a_and_b
    instructions, title = await field(a, "Instructions for the AI"), await field(b, "Title of the conversation")
    await title.fill("half a ti")
    await instructions.fill("Answer briefly.")
    await instructions.blur()
    await expect(await field(b, "Instructions for the AI")).to_have_value("Answer briefly.")
    await (await field(a, "Title of the conversation")).fill("another")
    await (await field(a, "Title of the conversation")).blur()
    await expect(b.page.locator("h1")).to_have_text("another")
    await expect(title).to_have_value("half a ti")


async def test_all_kinds_of_settings_are_saved(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await (await field(a, "If you write while the AI answers")).select_option("supersede")
    await (await field(a, "Seconds of silence before the AI answers by itself")).fill("2.5")
    await (await field(a, "Model")).select_option("demo")
    await (await field(a, "Name of A")).fill("Minji")
    async with a.page.expect_response(lambda response: "name_a" in (response.request.post_data or "")):  # the last
        await (await field(a, "Name of A")).blur()
    answer = await a.page.request.get(f"{a.base}/api/chat/sessions/{sid}")
    settings = (await answer.json())["settings"]
    changed = {name: settings[name] for name in ("on_new_message", "wait_seconds", "llm", "name_a")}
    assert changed == {"on_new_message": "supersede", "wait_seconds": 2.5, "llm": "demo", "name_a": "Minji"}


async def test_who_may_not_change_the_settings_sees_the_reply_policy_alone(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    window = await open_window(guarded)
    can = ["read", "send"]
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A#token={token(sid, 'A', can=can)}")
    await window.is_connected()
    await expect(window.page.get_by_label("The AI answers", exact=True)).to_have_value("mention")
    await expect(window.page.get_by_label("The AI answers", exact=True)).to_be_disabled()
    await expect(window.page.locator(".settings__more")).to_be_hidden()
