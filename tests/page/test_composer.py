"""The field to write in."""

import json

import pytest
from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.frames import sent


async def test_enter_that_ends_a_composition_does_not_send(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.page.focus(".composer__text")
    keyboard = await a.context.new_cdp_session(a.page)
    await keyboard.send("Input.imeSetComposition", {"text": "안녕", "selectionStart": 2, "selectionEnd": 2})
    composing = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229, "type": "keyDown"}
    await keyboard.send("Input.dispatchKeyEvent", composing)
    await keyboard.send("Input.insertText", {"text": "안녕"})
    assert await a.page.input_value(".composer__text") == "안녕"
    await expect(a.unsent).to_have_count(0)
    await expect(a.texts).to_have_count(0)
    await a.page.press(".composer__text", "Enter")
    await a.shows("안녕")


COMPOSING = {
    "before its end": """
        new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true})""",
    "after its end, as in Safari": """
        Object.defineProperty(
            new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true}), "keyCode", {value: 229})""",
}


@pytest.mark.parametrize("enter", COMPOSING.values(), ids=COMPOSING)
@pytest.mark.parametrize("text", ["안녕", "@"], ids=["words", "open list"])
async def test_enter_of_a_composition_does_nothing(open_window: OpenWindow, sid: str, enter: str, text: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write(text)
    await expect(a.page.locator("#completion [role=option]:visible")).to_have_count(1 if text == "@" else 0)
    prevented = await a.page.locator(".composer__text").evaluate(f"field => !field.dispatchEvent({enter})")
    assert not prevented
    await expect(a.page.locator(".composer__text")).to_have_value(text)
    await expect(a.unsent).to_have_count(0)
    await expect(a.texts).to_have_count(0)


async def test_a_typing_notification_that_is_refused_is_nothing_to_tell(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    refused = sent(wire, "chat.typing")
    await a.write("words")
    hd = (await refused.get())["hd"]
    bd = {"code": "rate_limited", "message": "No.", "retry_after": 1, "msg_id": hd.get("msg_id")}
    for frame in (
        {"hd": {"event": "error"}, "bd": bd},
        {"hd": {"event": "chat.typing", "role": "B"}, "bd": {"active": True}},
    ):
        wire.route.send(json.dumps(frame))
    await expect(a.page.locator(".typing")).to_have_text("B is typing…")
    await expect(a.page.locator(".composer__problem")).to_be_empty()


async def test_nothing_but_spaces_is_not_sent(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.say("  \n ")
    await a.say("words")
    await a.shows("words")


async def test_the_limit_is_in_characters_as_people_count_and_is_shown_near_it(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    count = a.page.locator(".composer__count")
    await a.write("😀" * 7_000)
    await expect(count).to_be_hidden()
    await a.write("😀" * 8_001)
    await expect(count).to_have_text("Too long by 1")
    await expect(a.page.get_by_role("button", name="Send")).to_be_disabled()
    await a.page.press(".composer__text", "Enter")
    await expect(a.page.locator(".composer__text")).to_have_value("😀" * 8_001)
    await a.write("😀" * 8_000)
    await expect(count).to_have_text("8000 of 8000 characters")
    await a.page.press(".composer__text", "Enter")
    await a.shows("😀" * 8_000)


async def test_the_field_has_the_focus_when_the_room_opens(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await expect(a.page.locator(".composer__text")).to_be_focused()


async def test_no_keyboard_comes_up_on_a_phone(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await a.enter(sid)
    await expect(a.page.locator(".composer__text")).not_to_be_focused()


async def test_the_room_can_be_used_with_the_keyboard_alone(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.page.focus(".composer__text")
    await a.page.keyboard.type("hello")
    reached = []
    for _ in range(2):
        await a.page.keyboard.press("Tab")
        reached.append(await a.page.evaluate("document.activeElement.innerText.trim()"))
    assert reached == ["✦Ask the AI", "Send"]
    await a.page.keyboard.press("Enter")
    await a.shows("hello")
    assert await a.page.evaluate("document.activeElement.className") == "composer__text"


async def test_the_field_grows_to_two_fifths_of_the_height_and_then_scrolls(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 800, "height": 600})
    await a.enter(sid)
    field = a.page.locator(".composer__text")
    heights = []
    for lines in (1, 4, 200):
        await a.write("line\n" * lines)
        heights.append(await field.evaluate("field => field.offsetHeight"))
    assert heights[0] < heights[1] < heights[2] == 240
    assert await field.evaluate("field => field.scrollHeight > field.clientHeight")
    await a.write("")
    assert await field.evaluate("field => field.offsetHeight") < heights[0]


async def test_a_very_long_text_stays_and_says_by_how_much_it_is_too_long(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    text = "    a long @llm text, " * 9_524
    await a.write(text)
    await expect(a.page.locator(".composer__count")).to_have_text(f"Too long by {len(text) - 8_000}")
    await a.page.press(".composer__text", "Enter")
    await a.page.reload()
    await a.is_connected()
    assert await a.page.input_value(".composer__text") == text


async def test_on_a_phone_the_button_sends_and_enter_starts_a_line_unless_set_otherwise(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await a.enter(sid)
    field = a.page.locator(".composer__text")
    await expect(field).to_have_attribute("enterkeyhint", "enter")
    await field.focus()
    for key in ("h", "Enter", "i"):
        await a.page.keyboard.press(key)
    await a.page.get_by_role("button", name="Send").tap()
    await a.shows("h\ni")
    await a.page.locator(".keyboard__enter").dispatch_event("click")
    await expect(field).to_have_attribute("enterkeyhint", "send")
    await a.page.reload()
    await a.is_connected()
    await a.say("two")
    await a.shows("h\ni", "two")


async def test_arrow_up_takes_back_the_last_message_if_it_is_not_stored(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    field = a.page.locator(".composer__text")
    await a.say("stored")
    await a.shows("stored")
    await a.page.press(".composer__text", "ArrowUp")
    await expect(field).to_have_value("")
    wire.to_server = lambda text: []
    await a.say("in flight")
    await a.page.press(".composer__text", "ArrowUp")
    await expect(field).to_have_value("")
    await a.say("  behind it")
    await a.page.press(".composer__text", "ArrowUp")
    await expect(field).to_have_value("  behind it")
    await expect(a.unsent).to_have_count(1)
    await a.page.press(".composer__text", "ArrowUp")
    await expect(field).to_have_value("  behind it")


async def test_a_question_that_is_taken_back_stays_a_question(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.to_server = lambda text: []
    await a.say("first")
    await a.write("why?")
    await a.page.press(".composer__text", "Control+Enter")
    await a.page.press(".composer__text", "ArrowUp")
    await expect(a.page.locator(".composer__text")).to_have_value("why?")
    await expect(a.page.get_by_role("button", name="Ask the AI")).to_have_attribute("aria-pressed", "true")


async def test_a_question_mark_lists_the_shortcuts_unless_it_is_typed(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    shortcuts = a.page.get_by_role("dialog", name="Keyboard shortcuts")
    await a.page.focus(".composer__text")
    await a.page.keyboard.press("?")
    await expect(a.page.locator(".composer__text")).to_have_value("?")
    await expect(shortcuts).to_be_hidden()
    await a.page.focus(".timeline")
    await a.page.keyboard.press("?")
    await expect(shortcuts).to_be_visible()
    await a.page.keyboard.press("Escape")
    await expect(shortcuts).to_be_hidden()
    await expect(a.page.locator(".timeline")).to_be_focused()
