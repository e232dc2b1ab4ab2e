"""What is typed outlives the page, and no tab destroys what is typed in another."""

from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.window import Window

WITHOUT_STORAGE = """
    for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new Error("no storage") } })
    }
"""


async def another_tab(window: Window, sid: str) -> Window:
    """A second window in the same profile."""
    tab = Window(window.context, await window.context.new_page(), window.base)
    await tab.enter(sid)
    return tab


async def has(window: Window, text: str) -> None:
    """Wait until the field has this text."""
    await expect(window.page.locator(".composer__text")).to_have_value(text)


async def test_a_draft_is_kept_for_its_room_until_it_is_sent(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("  a draft\n")
    await a.enter(f"{sid}-other")
    await has(a, "")
    await a.enter(sid, "B")
    await has(a, "")
    await a.enter(sid, "A")
    await has(a, "  a draft\n")
    await a.page.press(".composer__text", "Enter")
    await a.shows("  a draft\n")
    await a.page.reload()
    await a.is_connected()
    await has(a, "")


async def test_two_tabs_keep_what_is_typed_in_each(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    tab = await another_tab(a, sid)
    await a.write("one")
    await tab.write("two")
    for window, text in ((a, "one"), (tab, "two")):
        await window.page.reload()
        await window.is_connected()
        await has(window, text)
    await tab.page.press(".composer__text", "Enter")
    await a.shows("two")
    await has(a, "one")
    await a.page.close()
    third = await another_tab(tab, sid)
    await has(third, "one")


async def test_a_draft_that_another_tab_sends_disappears_where_it_was_only_restored(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.write("one")
    await a.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it is written
    tab = await another_tab(a, sid)
    await has(tab, "one")
    await a.page.press(".composer__text", "Enter")
    await has(tab, "")


async def test_without_storage_the_page_works_and_asks_before_a_text_is_lost(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.page.add_init_script(WITHOUT_STORAGE)
    await a.enter(sid)
    await a.say("one")
    await a.shows("one")
    await a.page.keyboard.type("a draft")
    await a.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    async with a.page.expect_event("dialog") as asked:
        await a.page.evaluate("setTimeout(() => location.reload())")
    dialog = await asked.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    await a.page.press(".composer__text", "Enter")
    await a.shows("one", "a draft")
    await a.page.reload()
    await a.shows("one", "a draft")
