"""Invite links in a browser: staff creates a session, its people press the button of their links and talk."""

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from playwright.async_api import expect

from chat.models import Invite, digest_of
from tests import processes
from tests.access.credentials import SHARED, token
from tests.chat.conftest import cookie_of
from tests.page.conftest import OpenWindow
from tests.page.scanner import scan
from tests.processes import Web

SHARE_SHEET = "navigator.canShare = () => true; navigator.share = async (data) => { window.shared = data }"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires an invite."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


@sync_to_async
def staff_cookie() -> str:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    return cookie_of(user).partition("=")[2]


async def test_staff_sends_links_and_their_guests_talk(open_window: OpenWindow, guarded: Web) -> None:
    staff, a, b = await open_window(guarded), await open_window(guarded), await open_window(guarded)
    await staff.context.add_cookies([{"name": "sessionid", "value": await staff_cookie(), "url": guarded.http}])
    await staff.page.goto(guarded.http)
    await staff.page.click(".home__new")
    await expect(staff.page.locator(".invite__link")).to_have_count(2)
    links = [await link.input_value() for link in await staff.page.locator(".invite__link").all()]
    for window, link, role in zip((a, b), links, "AB", strict=True):
        await window.page.goto(link)
        await expect(window.page.locator(".home__lead")).to_contain_text(f"as {role}.")
        await window.page.click("button")
        await window.is_connected()
        assert window.page.url.endswith(f"/?role={role}")
    await a.say("hello")
    await b.shows("hello")
    await b.page.reload()
    await b.shows("hello")
    await b.is_connected()
    await b.say("안녕")
    await a.shows("hello", "안녕")
    assert "doqchat-" not in await a.page.evaluate("document.cookie")
    await a.page.goto(links[0])
    await a.shows("hello", "안녕")
    await b.page.goto(links[0])
    await expect(b.page.locator(".home__title")).to_have_text("This link is no longer valid")
    b.complaints.remove("Failed to load resource: the server responded with a status of 410 (Gone)")


PHONE = {"width": 360, "height": 640}


async def test_a_phone_shows_a_code_to_scan_for_each_link(open_window: OpenWindow, guarded: Web) -> None:
    staff = await open_window(guarded, viewport=PHONE, color_scheme="dark", locale="ko-KR")
    await staff.context.add_cookies([{"name": "sessionid", "value": await staff_cookie(), "url": guarded.http}])
    await staff.page.goto(guarded.http)
    await staff.page.click(".home__new")
    for role in "AB":
        link = await staff.page.get_by_label(f"{role}에게 보낼 링크", exact=True).input_value()
        assert await scan(staff.page.get_by_role("img", name=f"{role}에게 보낼 링크의 QR 코드")) == [link]
    assert await staff.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_room_shows_the_code_of_its_link_on_request(open_window: OpenWindow, width: int, sid: str) -> None:
    window = await open_window(viewport={"width": width, "height": 900}, color_scheme="dark")
    await window.enter(sid, "A")
    if width == 360:
        await window.open_details()
    code = window.page.get_by_role("img", name="QR code of the link for B")
    await expect(code).to_be_hidden()
    await window.page.get_by_text("QR code", exact=True).click()
    assert await scan(code) == [f"{window.base}/s/{sid}/?role=B"]
    assert await window.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1280])
async def test_an_empty_room_leads_to_its_link(open_window: OpenWindow, width: int, sid: str) -> None:
    a = await open_window(viewport={"width": width, "height": 500})
    await a.enter(sid, "A")
    invite = a.page.locator(".timeline__empty").get_by_role("button", name="Invite")
    await invite.click()
    await expect(a.page.locator(".invite__link")).to_be_focused()
    await expect(a.page.locator(".invite__link")).to_be_in_viewport()
    await a.page.keyboard.press("Escape")
    await a.say("hello")
    await expect(invite).to_be_hidden()


async def test_an_empty_room_opens_the_share_sheet_of_a_phone(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 390, "height": 844})
    await a.page.add_init_script(SHARE_SHEET)
    await a.enter(sid, "A")
    await a.page.locator(".timeline__empty").get_by_role("button", name="Invite").click()
    assert await a.page.evaluate("shared.url") == f"{a.base}/s/{sid}/?role=B"


async def test_an_empty_room_without_a_link_offers_none(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    a = await open_window(guarded)
    await a.page.goto(f"{guarded.http}/s/{sid}/?role=A#token={token(sid, 'A')}")
    await a.is_connected()
    await expect(a.page.locator(".timeline__empty p:visible")).to_have_text(
        "There are no messages yet. Write one, or ask the AI."
    )


async def test_a_phone_offers_its_share_sheet(open_window: OpenWindow, sid: str) -> None:
    window = await open_window(viewport=PHONE)
    await window.page.add_init_script(SHARE_SHEET)
    await window.enter(sid, "A")
    await window.open_details()
    await window.page.locator(".invite__share").click()
    assert (await window.page.evaluate("shared"))["url"] == f"{window.base}/s/{sid}/?role=B"


async def test_the_button_is_pressed_once(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    secret = "once"
    await Invite.objects.acreate(sid=sid, role="A", digest=digest_of(secret))
    window = await open_window(guarded)
    await window.page.goto(f"{guarded.http}/i/{secret}/")
    await window.page.evaluate(
        "document.querySelector('form').addEventListener('submit', (event) => event.preventDefault())"
    )
    await window.page.click("button")
    await expect(window.page.locator("button")).to_be_disabled()


async def test_the_cookie_of_an_invite_replaces_the_token_of_an_earlier_link(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    window = await open_window(guarded)
    await window.page.goto(f"{guarded.http}/s/{sid}/?role=A#token={token(sid)}")
    await window.is_connected()
    cookie = {"name": f"doqchat-{sid}", "value": token(sid, "B", sub="invite:1"), "url": guarded.http}
    await window.context.add_cookies([cookie])
    await window.page.reload()
    await window.is_connected()
    await window.say("hello")
    await expect(window.page.locator(".message__author")).to_have_text("B (you)")
