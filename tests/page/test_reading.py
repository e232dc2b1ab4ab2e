"""How the room is read: history on scrolling, the reader's place, and the way to the newest message."""

import asyncio

import pytest
import redis
from playwright.async_api import Locator, Route, expect

from tests.page.conftest import OpenWindow
from tests.page.stored import store_messages
from tests.page.window import Window

LIMIT = 600
"""Maximum number of stored items in the page: see timeline.js."""

FIRST_VISIBLE = """pane => {
    const top = pane.getBoundingClientRect().top
    const item = [...pane.querySelectorAll(".message")].find((each) => each.getBoundingClientRect().bottom > top)
    return [item.querySelector(".message__text").textContent, Math.round(item.getBoundingClientRect().top - top)]
}"""

FROM_THE_END = "pane => pane.scrollHeight - pane.scrollTop - pane.clientHeight"

FIRST_DAY = ".timeline__stored .message:first-child .message__day"


def pane(window: Window) -> Locator:
    return window.page.locator(".timeline")


def latest(window: Window) -> Locator:
    return window.page.get_by_role("button", name="To the latest message")


async def scroll(window: Window, amount: int) -> None:
    """Scroll as a reader does, and wait until the page has seen it."""
    await pane(window).evaluate(
        """(pane, amount) => new Promise((seen) => {
            pane.addEventListener("scroll", () => requestAnimationFrame(seen), { once: true })
            pane.scrollBy(0, amount)
        })""",
        amount,
    )


async def scroll_until(window: Window, text: str, amount: int) -> None:
    """Scroll until the message with this text is loaded."""
    wanted = window.texts.get_by_text(text, exact=True)
    async with asyncio.timeout(30):
        while not await wanted.count():
            await pane(window).evaluate("(pane, amount) => pane.scrollBy(0, amount)", amount)
            await asyncio.sleep(0.02)


async def first_visible(window: Window) -> tuple[str, int]:
    """The text of the first visible message, and its distance from the top of the pane."""
    text, offset = await pane(window).evaluate(FIRST_VISIBLE)
    return text, offset


async def test_earlier_messages_load_on_scrolling_up_and_nothing_jumps(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"n{number}" + "\nline" * (number % 4) for number in range(230)]
    store_messages(store, sid, texts)
    a = await open_window()
    await a.enter(sid)
    await a.shows(*texts[130:])
    await scroll(a, 400 - await pane(a).evaluate("pane => pane.scrollTop"))
    seen = await first_visible(a)
    await a.shows(*texts[30:])
    assert await first_visible(a) == (seen[0], pytest.approx(seen[1], abs=1))
    await scroll_until(a, "n0", -2_000)
    await a.shows(*texts)
    await expect(a.page.get_by_role("button", name="Show earlier messages")).to_be_hidden()
    await expect(a.page.locator(".message__day:visible")).to_have_count(1)


async def test_a_page_of_history_that_failed_is_loaded_with_the_button(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, [f"n{number}" for number in range(130)])
    a = await open_window()
    await a.page.route("**/history/**", refuse)
    await a.enter(sid)
    await scroll(a, -9_000)
    await expect(a.page.get_by_text("Earlier messages could not be loaded.")).to_be_visible()
    await a.page.unroute("**/history/**")
    await a.page.get_by_role("button", name="Show earlier messages").press("Enter")
    await expect(a.texts).to_have_count(130)
    a.complaints[:] = [text for text in a.complaints if "503" not in text]


async def test_the_message_that_is_read_keeps_its_place_whatever_changes_around_it(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, [f"n{number}" for number in range(60)])
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await scroll(a, -1_000)
    seen = await first_visible(a)
    await a.texts.first.evaluate("text => { text.style.minBlockSize = '400px' }")
    await b.say("news")
    await expect(a.texts).to_have_count(61)
    await a.page.set_viewport_size({"width": 1280, "height": 500})
    await a.write("a\nb\nc\nd\ne")
    assert await first_visible(a) == (seen[0], pytest.approx(seen[1], abs=1))


async def test_a_reader_at_the_end_stays_there_when_the_phone_is_turned(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(
        store,
        sid,
        [
            f"n{number} of a message that is a little longer than one line on a phone, and that breaks twice"
            for number in range(60)
        ],
    )
    a = await open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await a.enter(sid, "A")
    await a.open_details()
    for width, height in ((844, 390), (390, 844), (844, 390)):
        await a.page.set_viewport_size({"width": width, "height": height})
        await pane(a).evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        await expect(a.page.locator(".timeline__newer")).to_be_hidden()
        assert await pane(a).evaluate(FROM_THE_END) < 1


async def test_a_button_leads_to_the_latest_message_and_counts_new_ones(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, [f"n{number}" for number in range(60)])
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await expect(a.texts.last).to_be_in_viewport()
    await expect(latest(a)).to_be_hidden()
    await scroll(a, -100)
    await expect(latest(a)).to_have_text("")
    await b.say("news")
    await expect(latest(a)).to_have_text("1")
    await expect(latest(a)).to_have_accessible_name("To the latest message; new: 1")
    await expect(a.page.get_by_text("news", exact=True)).not_to_be_in_viewport()
    await latest(a).click()
    await expect(a.page.get_by_text("news", exact=True)).to_be_in_viewport()
    await expect(latest(a)).to_be_hidden()
    await b.say("more news")
    await expect(a.page.get_by_text("more news", exact=True)).to_be_in_viewport()


async def test_a_long_conversation_is_read_in_both_directions_with_a_bounded_number_of_items(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"n{number}" for number in range(700)]
    store_messages(store, sid, texts)
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await scroll_until(a, "n0", -4_000)
    assert await a.texts.count() <= LIMIT
    await b.say("news")
    await expect(latest(a)).to_have_text("1")
    await expect(a.texts.get_by_text("news")).to_have_count(0)
    await scroll_until(a, "news", 4_000)
    shown = await a.texts.all_text_contents()
    assert shown == [*texts, "news"][-len(shown) :]
    assert len(shown) <= LIMIT
    await expect(a.page.locator(FIRST_DAY)).to_be_visible()


async def test_the_way_from_an_early_message_to_the_latest_is_one_step(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, [f"n{number}" for number in range(700)])
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await scroll_until(a, "n100", -4_000)
    await latest(a).click()
    await expect(a.texts.last).to_have_text("n699")
    await expect(a.texts.last).to_be_in_viewport()
    await b.say("news")
    await expect(a.texts.last).to_have_text("news")
    await expect(a.texts.last).to_be_in_viewport()


async def test_what_one_writes_while_reading_early_messages_is_shown_at_the_end(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, [f"n{number}" for number in range(700)])
    a = await open_window()
    await a.enter(sid, "A")
    await scroll_until(a, "n100", -4_000)
    await a.say("mine")
    await expect(a.texts.last).to_have_text("mine")
    await expect(a.texts.last).to_be_in_viewport()
    await expect(a.unsent).to_have_count(0)


async def test_many_live_messages_leave_a_bounded_number_of_items_whose_history_loads_again(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    texts = [f"n{number}" for number in range(650)]
    store_messages(store, sid, texts)
    await a.say("the last one")
    await expect(a.texts.last).to_have_text("the last one")
    await expect(a.texts.last).to_be_in_viewport()
    shown = await a.texts.all_text_contents()
    assert shown == [*texts, "the last one"][-len(shown) :]
    assert len(shown) <= LIMIT
    await expect(a.page.locator(FIRST_DAY)).to_be_visible()
    await scroll_until(a, "n0", -4_000)


async def refuse(route: Route) -> None:
    await route.fulfill(status=503, json={})
