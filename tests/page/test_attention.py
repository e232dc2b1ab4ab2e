"""Messages that come while the reader is elsewhere, and who has read what."""

import json
import re

import redis
from playwright.async_api import expect

from tests.page.conftest import OpenWindow
from tests.page.stored import store_messages
from tests.page.window import Window
from tests.processes import Web
from tests.replies.conversation import change

LEAVE = """() => {
    document.hasFocus = () => false
    dispatchEvent(new Event("blur"))
}"""
RETURN = """() => {
    document.hasFocus = () => true
    dispatchEvent(new Event("focus"))
}"""
RECORD = """
    window.notices = []
    window.tones = 0
    window.Notification = class {
        static permission = "default"

        static async requestPermission() {
            return (this.permission = "granted")
        }

        constructor(title, { body, tag }) {
            notices.push([title, body, tag])
        }
    }
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (...when) {
        tones += 1
        start.apply(this, when)
    }
"""  # the headless browser shows no notifications


NO_NOTIFICATIONS = """
    window.Notification = class {
        static permission = "granted"

        static requestPermission() {
            return this.permission
        }

        constructor() {
            throw new TypeError("Illegal constructor")
        }
    }
    ServiceWorkerRegistration.prototype.showNotification = async function (...shown) {
        document.title = JSON.stringify([new URL(this.active.scriptURL).pathname, ...shown])
    }
"""  # as on phones


async def test_unread_messages_are_counted_and_marked_until_they_are_read(
    a_and_b: tuple[Window, Window], sid: str
) -> None:
    a, b = a_and_b
    title, icon = await b.page.title(), b.page.locator("link[rel=icon]")
    await a.say("one")
    await b.shows("one")
    seen = a.page.locator(".message", has=a.page.locator(".message__seen"))
    await expect(seen).to_contain_text("one")
    await b.page.clock.install()
    await b.page.evaluate(LEAVE)
    await a.say("two")
    await a.say("three")
    await b.shows("one", "two", "three")
    await expect(b.page).to_have_title(f"(2) {title}")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    line = b.page.locator(".message__unread")
    await expect(b.page.locator(".message", has=line)).to_contain_text("two")
    await expect(seen).to_contain_text("one")
    await b.page.evaluate(RETURN)
    await expect(b.page).to_have_title(title)
    await b.page.clock.run_for(5_000)
    await expect(seen).to_contain_text("three")
    await expect(line).to_have_count(1)
    await b.page.clock.run_for(15_000)
    await expect(line).to_have_count(0)
    await expect(icon).to_have_attribute("href", re.compile("mark.*svg$"))


async def test_a_title_that_begins_with_a_number_is_not_taken_for_unread_messages(
    open_window: OpenWindow, server: Web, sid: str
) -> None:
    change(server, sid, title="(2) Plan")
    a, b = await open_window(), await open_window()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await expect(b.page.locator("#policy")).to_be_enabled()  # the settings are known
    await expect(b.page).to_have_title("(2) Plan · doqchat")
    await b.page.evaluate(LEAVE)
    await a.say("one")
    await expect(b.page).to_have_title("(1) (2) Plan · doqchat")
    change(server, sid, title="(3) Plan")
    await expect(b.page).to_have_title("(1) (3) Plan · doqchat")
    await b.page.evaluate(RETURN)
    await expect(b.page).to_have_title("(3) Plan · doqchat")


async def test_only_what_was_visible_has_been_read(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    seen = a.page.locator(".message__seen")
    await a.say("\n".join(map(str, range(100))))
    await expect(seen).to_have_text("Seen by B")
    await b.page.clock.install()
    await b.page.locator(".timeline").evaluate("pane => { pane.scrollTop = 0 }")
    await a.say("more")
    await expect(b.texts).to_have_count(2)
    await b.page.clock.run_for(10_000)
    await expect(a.page.locator(".message", has=seen)).to_contain_text("99")
    await b.page.locator(".timeline").evaluate("pane => { pane.scrollTop = pane.scrollHeight }")
    await b.page.clock.run_for(10_000)
    await expect(a.page.locator(".message", has=seen)).to_contain_text("more")


async def read_and_leave(a: Window, b: Window) -> None:
    """B reads a message of A, and leaves the room."""
    await a.say("one")
    await expect(a.page.locator(".message__seen")).to_have_text("Seen by B")
    await b.page.goto("about:blank")


async def test_a_late_reader_finds_the_line_where_reading_stopped(a_and_b: tuple[Window, Window], sid: str) -> None:
    a, b = a_and_b
    await read_and_leave(a, b)
    await a.say("two")
    await a.shows("one", "two")
    await b.enter(sid, "B")
    await expect(b.page.locator(".message", has=b.page.locator(".message__unread"))).to_contain_text("two")


async def test_the_line_where_reading_stopped_stays_until_it_has_been_seen(
    a_and_b: tuple[Window, Window], store: "redis.Redis", sid: str
) -> None:
    a, b = a_and_b
    await read_and_leave(a, b)
    store_messages(store, sid, [f"n{number}" for number in range(150)], "A")
    await b.page.clock.install()
    await b.enter(sid, "B")
    line = b.page.locator(".message__unread")
    await expect(b.texts).to_have_count(100)
    await b.page.clock.run_for(30_000)
    await expect(line).to_have_count(0)  # the messages above are unread too
    await b.page.locator(".timeline").evaluate("pane => { pane.scrollTop = 0 }")
    await expect(b.texts).to_have_count(151)
    await b.page.clock.run_for(5_000)
    await expect(b.page.locator(".message", has=line)).to_contain_text("n0")
    await b.page.clock.run_for(30_000)
    await expect(line).to_have_count(1)
    await line.scroll_into_view_if_needed()
    await b.page.clock.run_for(5_000)
    await expect(line).to_have_count(1)
    await b.page.clock.run_for(15_000)
    await expect(line).to_have_count(0)


async def test_a_line_that_was_not_seen_moves_to_what_is_missed_later(
    a_and_b: tuple[Window, Window], store: "redis.Redis", sid: str
) -> None:
    a, b = a_and_b
    await read_and_leave(a, b)
    seen = a.page.locator(".message", has=a.page.locator(".message__seen"))
    store_messages(store, sid, [f"n{number}" for number in range(50)], "A")
    await a.say("two")
    await b.enter(sid, "B")
    unread = b.page.locator(".message", has=b.page.locator(".message__unread"))
    await expect(unread).to_contain_text("n0")
    await expect(seen).to_contain_text("two")
    await b.page.evaluate(LEAVE)
    await a.say("three")
    await expect(unread).to_contain_text("three")


async def test_a_notification_shows_a_text_without_its_markup(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    await b.page.evaluate(f"() => {{{RECORD}}}")
    await b.page.get_by_role("switch", name="Notifications").check()
    await b.page.evaluate(LEAVE)
    await a.say("## Plans\n\n- **one**\n- two\n\n```js\nlet a\n```\n" + "😀" * 200)
    await expect(b.texts).to_have_count(1)
    body: str = (await b.page.evaluate("notices"))[0][1]
    assert body.split() == ["Plans", "one", "two", "let", "a", "😀" * 59]  # a half of the next one would fit


async def test_notifications_and_sounds_come_only_while_the_reader_is_elsewhere_and_can_be_muted(
    open_window: OpenWindow, sid: str
) -> None:
    a, b = await open_window(), await open_window()
    await b.page.add_init_script(RECORD)
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    switches = {name: b.page.get_by_role("switch", name=name) for name in ("Notifications", "Sound")}
    await expect(switches["Notifications"]).not_to_be_checked()
    await expect(switches["Sound"]).to_be_checked()
    await switches["Notifications"].check()
    await a.say("here")
    await b.shows("here")
    await b.page.evaluate(LEAVE)
    await a.say("there")
    await b.shows("here", "there")
    assert await b.page.evaluate("notices") == [["A", "there", f"doqchat-{sid}"]]
    assert await b.page.evaluate("tones") == 2
    for switch in switches.values():
        await switch.uncheck()
    await a.say("silence")
    await b.shows("here", "there", "silence")
    assert len(await b.page.evaluate("notices")) == 1
    assert await b.page.evaluate("tones") == 2
    await b.page.reload()
    await b.is_connected()
    await expect(switches["Sound"]).not_to_be_checked()


async def test_notifications_are_offered_once_to_a_reader_who_has_missed_messages(
    open_window: OpenWindow, sid: str
) -> None:
    a, b = await open_window(), await open_window(locale="en-US")
    await b.page.add_init_script(RECORD)
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    offer = b.page.locator(".changes__line", has_text="when you are elsewhere")
    await a.say("here")
    await b.shows("here")
    await expect(offer).to_have_count(0)
    await b.page.evaluate(LEAVE)
    await a.say("there")
    await b.shows("here", "there")
    await expect(offer).to_have_count(0)
    await b.page.evaluate(RETURN)
    await offer.get_by_role("button", name="Turn on").click()
    await expect(b.page.get_by_role("switch", name="Notifications")).to_be_checked()
    await expect(offer).to_have_count(0)
    await b.page.get_by_role("switch", name="Notifications").uncheck()
    for text in ("again", "and again"):
        await b.page.evaluate(LEAVE)
        await a.say(text)
        await expect(b.texts.last).to_have_text(text)
        await b.page.evaluate(RETURN)
    await expect(b.page).to_have_title(re.compile(r"^[^(]"))
    await expect(offer).to_have_count(0)


async def test_where_pages_cannot_show_notifications_the_service_worker_does_and_leads_to_the_room(
    open_window: OpenWindow, sid: str
) -> None:
    a, b = await open_window(), await open_window(locale="en-US")
    await b.page.add_init_script(NO_NOTIFICATIONS)
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await b.page.get_by_role("switch", name="Notifications").check()
    await b.page.evaluate(LEAVE)
    async with b.context.expect_event("serviceworker") as registered:
        await a.say("there")
    await expect(b.page).to_have_title(re.compile("worker.js"))
    path, title, options = json.loads(await b.page.title())
    assert (path, title, options["body"], options["data"]) == ("/worker.js", "A", "there", {"room": b.page.url})
    worker = await registered.value
    focused = """async (room) => {
        const focused = []
        WindowClient.prototype.focus = async function () { focused.push(this.url) }
        const event = new Event("notificationclick")
        const done = new Promise((resolve) => { event.waitUntil = resolve })
        event.notification = { close() {}, data: { room } }
        dispatchEvent(event)
        await done.then((shown) => shown)
        return focused
    }"""
    assert await worker.evaluate(focused, b.page.url) == [b.page.url]
