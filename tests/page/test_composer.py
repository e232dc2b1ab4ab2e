"""The field to write in."""

from playwright.async_api import expect

from tests.page.conftest import OpenWindow


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


async def test_enter_during_a_composition_does_not_send(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("안녕")
    prevented = await a.page.locator(".composer__text").evaluate(
        """field => !field.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
    )
    assert not prevented
    await expect(a.page.locator(".composer__text")).to_have_value("안녕")
    await expect(a.texts).to_have_count(0)


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
        reached.append(await a.page.evaluate("document.activeElement.textContent.trim()"))
    assert reached == ["Ask the AI", "Send"]
    await a.page.keyboard.press("Enter")
    await a.shows("hello")
    assert await a.page.evaluate("document.activeElement.className") == "composer__text"
