"""Search in the conversation."""

import asyncio
import unicodedata

import pytest
import redis
from playwright.async_api import Locator, Route, expect

from tests.page.conftest import OpenWindow
from tests.page.stored import store_messages
from tests.page.test_reading import first_visible, refuse, scroll
from tests.page.window import Window

MARKUP = """the NEEDLE & <img src=x onerror="document.title='taken'">"""


def hits(window: Window) -> Locator:
    return window.page.locator(".search__hit")


async def search(window: Window, text: str) -> None:
    """Open the search with its key, and search."""
    await window.page.locator(".timeline").press("/")
    await window.page.get_by_role("searchbox").fill(text)


async def test_a_result_leads_to_its_message_and_escape_leads_back(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"n{number}" for number in range(400)]
    texts[10] = MARKUP
    store_messages(store, sid, texts)
    a = await open_window()
    await a.enter(sid)
    await scroll(a, -600)
    seen = await first_visible(a)
    await search(a, "needle")
    await expect(hits(a)).to_have_count(1)
    await expect(hits(a)).to_contain_text(MARKUP)
    await expect(a.page.locator(".search mark")).to_have_text(["NEEDLE"])
    await hits(a).press("Enter")
    found = a.page.locator(".message--found .message__text")
    await expect(found).to_have_text(MARKUP)
    await expect(found).to_be_in_viewport(ratio=1)
    around = await a.texts.all_text_contents()
    assert around == texts[: len(around)]
    await a.page.keyboard.press("Escape")
    await expect(a.page.get_by_role("search")).to_be_hidden()
    await expect(a.texts.get_by_text(seen[0], exact=True)).to_have_count(1)
    assert await first_visible(a) == (seen[0], pytest.approx(seen[1], abs=1))
    assert "taken" not in await a.page.title()


async def test_each_word_is_marked_and_one_letter_is_too_short(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, ["여행은 부산으로 (곧)", "- 부산\n- 바다"])
    a = await open_window()
    await a.enter(sid)
    loading = asyncio.Event()

    async def hold(route: Route) -> None:
        await loading.wait()
        await route.continue_()

    await a.page.route("**/js/search.js", hold)
    await a.page.locator(".timeline").press("/")
    await a.page.keyboard.type("부")
    loading.set()
    await expect(a.page.get_by_text("Type at least two letters or digits.")).to_be_visible()
    await a.page.get_by_role("searchbox").fill("부산 여행 (")
    await expect(hits(a)).to_have_count(1)
    await expect(a.page.locator(".search mark")).to_have_text(["여행", "부산", "("])
    await a.page.get_by_role("searchbox").fill("바다")
    await expect(a.page.locator(".search__excerpt")).to_have_text("부산 바다")


async def test_a_reader_at_the_end_returns_to_the_end(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    store_messages(store, sid, ["needle", *(f"n{number}" for number in range(300))])
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await a.page.get_by_role("button", name="Search", exact=True).click()
    await a.page.get_by_role("searchbox").fill("needle")
    await hits(a).click()
    await expect(a.page.locator(".message--found")).to_be_in_viewport()
    await b.say("news")
    await expect(a.page.locator(".timeline__count")).to_have_text("1")
    await a.page.get_by_role("button", name="Close the search").click()
    await expect(a.texts.last).to_have_text("news")
    await expect(a.texts.last).to_be_in_viewport()
    await expect(a.page.get_by_role("button", name="Search", exact=True)).to_be_focused()


async def test_a_message_that_arrives_while_the_result_loads_is_not_lost(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, ["needle", *("가" * 8_000 for _ in range(60))])  # more bytes than are on the first page
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")

    async def answer_late(route: Route) -> None:
        response = await route.fetch()
        if "after=" in route.request.url and not await b.page.get_by_text("news", exact=True).count():
            await b.say("news")
            await expect(a.texts.last).to_have_text("news")
        await route.fulfill(response=response)

    await search(a, "needle")
    await expect(hits(a)).to_have_count(1)
    await a.page.route("**/history/**", answer_late)
    await hits(a).press("Enter")
    await expect(a.page.locator(".message--found")).to_be_in_viewport()
    await a.page.get_by_role("button", name="To the latest message").click()
    await expect(a.texts.last).to_have_text("news")
    await expect(a.texts.last).to_be_in_viewport()


async def test_results_are_the_newest_first_a_page_at_a_time_in_any_composition(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"안녕 {number}" for number in range(40)]
    store_messages(store, sid, texts)
    a = await open_window()
    await a.enter(sid)
    await search(a, unicodedata.normalize("NFD", "안녕"))
    await expect(hits(a)).to_have_count(30)
    await expect(hits(a).first).to_contain_text("안녕 39")
    await expect(hits(a).first.locator("mark")).to_have_text("안녕")
    await a.page.get_by_role("button", name="More results").click()
    await expect(a.page.get_by_text("40 messages")).to_be_visible()
    await a.page.get_by_role("searchbox").fill("nowhere")
    await expect(a.page.get_by_text("No message contains this.")).to_be_visible()
    await expect(hits(a)).to_have_count(0)


async def test_a_search_that_fails_says_so_and_can_be_repeated(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, ["needle"])
    a = await open_window()
    await a.enter(sid)
    await a.page.route("**/history/**", refuse)
    await search(a, "needle")
    await expect(a.page.get_by_text("The search failed.")).to_be_visible()
    await a.page.unroute("**/history/**")
    await a.page.get_by_role("button", name="Try again").click()
    await expect(hits(a)).to_have_count(1)
    a.complaints[:] = [text for text in a.complaints if "503" not in text]


async def test_on_a_phone_the_results_make_way_for_the_message(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    store_messages(store, sid, ["needle", *(f"n{number}" for number in range(60))])
    a = await open_window(viewport={"width": 390, "height": 1200}, has_touch=True, is_mobile=True)
    await a.enter(sid)
    await a.page.get_by_role("button", name="Search", exact=True).tap()
    await a.page.get_by_role("searchbox").fill("needle")
    await hits(a).tap()
    await expect(a.page.locator(".message--found")).to_be_in_viewport(ratio=1)
    await expect(hits(a)).to_be_hidden()
    await a.page.get_by_role("searchbox").tap()
    await expect(hits(a)).to_be_visible()


async def test_a_slash_in_the_field_is_a_slash(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    await a.enter(sid)
    await a.page.locator(".composer__text").press("/")
    await expect(a.page.locator(".composer__text")).to_have_value("/")
    await expect(a.page.get_by_role("search")).to_be_hidden()
