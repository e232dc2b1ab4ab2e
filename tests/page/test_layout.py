"""The frame of the room: its header, the details, small windows, paper; and the app that browsers install."""

import json
import struct
import urllib.request
from typing import NamedTuple
from urllib.parse import urljoin

import pytest
from playwright.async_api import ElementHandle, Locator, expect

from tests.page.conftest import OpenWindow
from tests.page.frames import piece
from tests.processes import Web
from tests.replies.conversation import change

TITLE = "a-title-that-is-far-too-long-for-the-header-of-any-phone"
SMALL_TARGETS = """Array.from(document.querySelectorAll("a, button, label:has(input), summary, select, textarea"))
    .filter((target) => target.checkVisibility() && target.getBoundingClientRect().width > 1)
    .filter((target) => target.getBoundingClientRect().height < 44).map((target) => target.outerHTML)"""
BOUNDS = """element => {
    const { left, top, right, bottom, width } = element.getBoundingClientRect()
    return [left, top, right, bottom, width]
}"""
HEIGHTS = """[".room__head", ".timeline", ".room"].map((part) =>
    document.querySelector(part).getBoundingClientRect().height)"""


class Bounds(NamedTuple):
    """Where an element is, in pixels of the window."""

    left: float
    top: float
    right: float
    bottom: float
    width: float


async def bounds(element: ElementHandle | Locator) -> Bounds:
    return Bounds(*await element.evaluate(BOUNDS))


@pytest.mark.parametrize(
    ("width", "height", "conversation"),
    [
        (1280, 900, 600),
        (390, 844, 600),
        (390, 520, 300),
        (844, 390, 240),
        (740, 200, 110),
        (320, 256, 50),
        (195, 422, 200),
    ],
    ids=["desktop", "phone", "keyboard", "landscape", "landscape with keyboard", "zoomed", "phone zoomed"],
)
async def test_the_header_is_one_line_and_leaves_room_to_the_conversation(
    open_window: OpenWindow, sid: str, width: int, height: int, conversation: int
) -> None:
    a = await open_window(viewport={"width": width, "height": height})
    await a.enter(f"{sid[:6]}{TITLE}"[:64])
    head, timeline, room = await a.page.evaluate(HEIGHTS)
    assert head <= 56
    assert timeline >= conversation
    assert room == height
    assert await a.page.evaluate("document.documentElement.scrollWidth") == width
    await a.write("x" * 300)  # such as a pasted address
    assert await a.page.evaluate("document.documentElement.scrollWidth") == width


async def test_a_text_that_does_not_fit_beside_the_buttons_of_a_phone_has_the_whole_width(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window(viewport={"width": 390, "height": 520})
    await a.enter(sid)
    box, field, send = [await a.page.query_selector(f".composer__{part}") for part in ("box", "text", "send")]
    assert box
    assert field
    assert send
    await a.write("short")
    one_line = await bounds(box)
    assert (await bounds(field)).right <= (await bounds(send)).left
    await a.write("a text that is as long as one and a half lines of this small field are")
    assert (await bounds(field)).width > one_line.width - 20
    assert (await bounds(field)).bottom <= (await bounds(send)).top
    await a.write("")
    assert await bounds(box) == one_line


async def test_an_answer_has_the_whole_width_of_a_phone(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 390, "height": 844})
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(piece(attempt=1, offset=0, text="| a | table |\n| - | - |\n| with | cells |\n\nand more"))
    text = a.page.locator(".timeline__growing .message__text")
    await expect(text).to_contain_text("more")
    box = await text.bounding_box()
    assert box
    assert box["width"] == 390 - 2 * 16


async def test_the_buttons_of_a_message_are_beside_its_text_however_long_the_name_is(
    open_window: OpenWindow, server: Web, sid: str
) -> None:
    change(server, sid, name_a="Maximilian Alexander von Hohenzollern II")
    a, b = await open_window(has_touch=True), await open_window(has_touch=True)
    for window, role in ((a, "A"), (b, "B")):
        await window.page.set_viewport_size({"width": 390, "height": 844})
        await window.enter(sid, role)
    await a.write("yes")
    await a.page.get_by_role("button", name="Send").tap()
    for window in (a, b):
        await window.shows("yes")
        text, copy = await bounds(window.texts), await bounds(window.page.locator(".message__copy"))
        assert 0 <= max(copy.left - text.right, text.left - copy.right) < 16


@pytest.mark.parametrize("size", [(390, 520), (844, 390), (820, 1180)], ids=["phone", "landscape", "tablet"])
async def test_what_a_finger_presses_is_at_least_44_pixels_high(
    open_window: OpenWindow, sid: str, size: tuple[int, int]
) -> None:
    a = await open_window(viewport={"width": size[0], "height": size[1]}, has_touch=True, is_mobile=True)
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(piece(attempt=1, offset=0, text="`code`\n\n```\nmore\n```"))
    await expect(a.page.get_by_role("button", name="Stop")).to_be_visible()
    assert await a.page.evaluate(SMALL_TARGETS) == []
    await a.open_details()
    assert await a.page.evaluate(SMALL_TARGETS) == []
    await a.page.goto(a.base)
    await expect(a.page.locator(".recent__link")).to_be_visible()
    await a.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert await a.page.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_the_front_pages_fit_a_phone_that_is_zoomed_to_200_percent(open_window: OpenWindow, path: str) -> None:
    a = await open_window(viewport={"width": 195, "height": 422})
    await a.page.goto(a.base + path)
    await a.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert await a.page.evaluate("document.documentElement.scrollWidth") == 195
    a.complaints.clear()  # Chromium notes the 404


async def test_the_details_of_a_small_window_are_a_dialog(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 390, "height": 844})
    await a.enter(sid)
    people, menu = a.page.locator(".people"), a.page.get_by_role("button", name="Details")
    await expect(people).to_be_hidden()
    await a.open_details()
    await expect(people).to_be_visible()
    for _ in range(20):
        await a.page.keyboard.press("Tab")
        assert await a.page.evaluate("!document.activeElement.closest('.room__talk')")
    await a.page.keyboard.press("Escape")
    await expect(people).to_be_hidden()
    await expect(menu).to_be_focused()
    await menu.click()
    await a.page.mouse.click(10, 400)  # beside it
    await expect(people).to_be_hidden()
    await menu.click()
    await a.page.get_by_role("button", name="Close").click()
    await expect(people).to_be_hidden()
    await menu.click()
    await a.page.set_viewport_size({"width": 1280, "height": 900})
    await expect(a.page.locator(".drawer:modal")).to_have_count(0)
    await expect(people).to_be_visible()
    await a.say("not behind a dialog")
    await a.shows("not behind a dialog")


async def test_the_room_ends_above_a_keyboard_that_covers_the_page(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(viewport={"width": 390, "height": 844})
    await a.enter(sid)
    await a.page.evaluate("""() => {
        for (const [name, value] of [["height", 500], ["offsetTop", 40]])
            Object.defineProperty(visualViewport, name, {value, configurable: true})
        visualViewport.dispatchEvent(new Event("resize"))
    }""")
    box = await a.page.locator(".room").bounding_box()
    assert box
    assert (box["y"], box["height"]) == (40, 500)


async def test_paper_has_the_conversation_in_black_with_authors_and_times(open_window: OpenWindow, sid: str) -> None:
    a = await open_window(color_scheme="dark")
    await a.enter(sid)
    for text in ("one", "two"):
        await a.say(text)
    await a.shows("one", "two")
    await a.page.emulate_media(media="print")
    for part in (".room__head", ".composer", ".people"):
        await expect(a.page.locator(part)).to_be_hidden()
    for part in (".message__author", ".message__time", ".message__text"):
        for index in (0, 1):
            element = a.page.locator(part).nth(index)
            await expect(element).to_be_visible()
            await expect(element).to_have_css("color", "rgb(0, 0, 0)")
    await expect(a.page.locator("html")).to_have_css("background-color", "rgba(0, 0, 0, 0)")


@pytest.mark.parametrize(("language", "description"), [("ko", "언어 모델"), ("en", "language model")])
def test_browsers_can_install_the_page(server: Web, language: str, description: str) -> None:
    request = urllib.request.Request(f"{server.http}/app.webmanifest", headers={"Accept-Language": language})
    with urllib.request.urlopen(request) as response:
        assert response.headers.get_content_type() == "application/manifest+json"
        manifest = json.load(response)
    assert manifest["lang"] == language
    assert description in manifest["description"]
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        with urllib.request.urlopen(urljoin(server.http, icon["src"])) as response:
            head = response.read(24)
        assert head.startswith(b"\x89PNG")
        assert "x".join(map(str, struct.unpack(">II", head[16:]))) == icon["sizes"]
