"""A link that brings a token along: the page lets its holder in and keeps the token to itself."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from doqchat.protocol.frames import person_of
from tests import processes
from tests.access.credentials import SHARED, token
from tests.chat.commands import run
from tests.page.conftest import OpenWindow
from tests.page.window import Window
from tests.processes import Web


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires a token."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


def link(web: Web, sid: str, role: str, **claims: str) -> str:
    return f"{web.http}/s/{sid}/?role={role}#token={token(sid, role, **claims)}"


async def test_holders_of_links_talk_and_find_what_was_said(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    a, b = await open_window(guarded), await open_window(guarded)
    await a.page.goto(link(guarded, sid, "A"))
    await a.is_connected()
    await a.say("hello")
    await b.page.goto(link(guarded, sid, "B"))
    await b.shows("hello")
    assert a.page.url == f"{guarded.http}/s/{sid}/?role=A"
    await b.page.reload()
    await b.shows("hello")
    await b.say("안녕")
    await a.shows("hello", "안녕")
    await expect(a.page.locator(".invite")).to_have_count(0)


async def test_nameless_people_of_one_role_are_told_apart_and_two_windows_of_one_person_are_not(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    one, again, other, b = [await open_window(guarded) for _ in range(4)]
    for window, role, person in ((one, "A", "x"), (again, "A", "x"), (other, "A", "y"), (b, "B", "z")):
        await window.page.goto(link(guarded, sid, role, sub=person))
        await window.is_connected()
    await one.say("from one")
    await other.shows("from one")
    await other.say("from another")
    first, second = (f"A #{number}" for number in numbers(sid, "x", "y"))
    for window, authors in (
        (one, [f"{first} (you)", second]),
        (again, [f"{first} (you)", second]),
        (other, [first, f"{second} (you)"]),
        (b, [first, second]),
    ):
        await window.shows("from one", "from another")
        await expect(window.page.locator(".timeline__stored .message__author")).to_have_text(authors)
        rows = window.page.locator(".people__person--here:not([data-role=B])")
        await expect(rows.filter(has_text=first)).to_contain_text("2 windows")
        await expect(rows).to_have_count(2)
    await expect(other.page.locator(".message--own .message__text")).to_have_text(["from another"])
    await expect(b.page.locator(".people__person[data-role=B] .people__name")).to_have_text("B (you)")


def numbers(sid: str, *subjects: str) -> list[str]:
    """What the page adds to the role's name for each."""
    digits = [str(10**8 + int(person_of(sid, subject)[:12], 16) % (9 * 10**8)) for subject in subjects]
    length = next(length for length in range(2, 10) if len({each[:length] for each in digits}) == len(digits))
    return [each[:length] for each in digits]


async def test_an_observer_reads_and_cannot_write(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    a, observer = await open_window(guarded), await open_window(guarded)
    await observer.page.goto(link(guarded, sid, "observer"))
    await observer.is_connected()
    await a.page.goto(link(guarded, sid, "A"))
    await a.is_connected()
    for window, text in ((observer, ""), (a, " Write one, or ask the AI.")):
        await expect(window.page.locator(".timeline__empty p:visible")).to_have_text(
            f"There are no messages yet.{text}"
        )
    await a.say("hello")
    await observer.shows("hello")
    field = observer.page.locator(".composer__text")
    await expect(field).to_be_disabled()
    await expect(field).to_have_attribute("placeholder", "You can only read here")
    await expect(a.page.locator(".composer__text")).to_have_attribute("placeholder", "Write a message")


async def test_without_a_token_the_page_says_what_is_needed(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window: Window = await open_window(guarded)
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A")
    await expect(window.page.locator(".status__text")).to_have_text(
        "This session needs a valid link. Ask for a new one."
    )
    await expect(window.page.locator(".timeline__empty")).to_be_hidden()
    await window.page.goto(guarded.http)
    await expect(window.page.locator(".home__card")).to_contain_text("Open the link")
    await window.page.goto(link(guarded, sid, "A"))
    await window.is_connected()


async def test_a_link_that_is_opened_in_the_same_tab_replaces_the_token(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    window: Window = await open_window(guarded)
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A")
    await expect(window.page.locator(".status--stopped")).to_be_visible()
    await window.page.goto(link(guarded, sid, "A"))  # the fragment alone differs: nothing is loaded by that
    await window.is_connected()


async def test_a_window_whose_token_is_revoked_says_so(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window: Window = await open_window(guarded)
    await window.page.goto(link(guarded, sid, "A"))
    await window.is_connected()
    await asyncio.to_thread(run, "doqchat_revoke", sid, "--all", DOQCHAT_ACCESS="token")
    await expect(window.page.locator(".status--stopped")).to_contain_text("This link does not let you into the session")


async def test_who_may_only_read_is_not_told_that_receipts_are_refused(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    ada, reader = await open_window(guarded), await open_window(guarded)
    wire = await reader.intercept()
    refused = asyncio.Event()

    def to_page(text: str) -> list[str]:
        if '"msg_id":"read"' in text:
            refused.set()
        return [text]

    wire.to_page = to_page
    await reader.page.goto(f"{guarded.http}/s/{sid}/?role=B#token={token(sid, 'B', can=['read'])}")
    await reader.is_connected()
    await ada.page.goto(f"{guarded.http}/s/{sid}/?role=A#token={token(sid, 'A', name='Ada')}")
    await ada.is_connected()
    await ada.say("hello")
    await expect(ada.page.locator(".message__author")).to_have_text("Ada (you)")
    await expect(reader.page.locator(".message__author")).to_have_text("Ada")
    async with asyncio.timeout(15):
        await refused.wait()
    await ada.say("again")
    await reader.shows("hello", "again")
    await expect(reader.page.locator(".composer__problem")).to_be_empty()
