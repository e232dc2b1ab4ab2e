"""The connection breaks, and nothing is lost, doubled or out of order."""

import json
import re
import socket
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests import processes
from tests.page.conftest import OpenWindow
from tests.page.window import Window, Wire
from tests.ports import free_port


def serving(port: int) -> AbstractContextManager[processes.Process]:
    """A web process on a given port, so that another can take its place."""
    command = [*processes.manage("doqchat_web"), "--host", "127.0.0.1", "--port", str(port)]
    return processes.running("uvicorn", command, lambda _: _listens(port))


async def over_a_dead_connection(open_window: OpenWindow, sid: str) -> tuple[Window, Wire]:
    """A connected window whose frames no longer arrive on either side; the test moves its clock."""
    window = await open_window(locale="en-US")  # the clock is that of its context
    wire = await window.intercept()
    await window.page.clock.install()
    await window.enter(sid)
    wire.to_page = wire.to_server = lambda text: []
    return window, wire


async def test_a_killed_server_costs_no_message_and_doubles_none(
    open_window: OpenWindow, server: processes.Web, sid: str
) -> None:
    port = free_port()
    b = await open_window(server)
    await b.enter(sid, "B")
    with serving(port) as first:
        a = await open_window(processes.Web(first, f"127.0.0.1:{port}"))
        await a.enter(sid, "A")
        await a.say("before")
        for window in (a, b):
            await window.shows("before")
        first.kill()
        await expect(a.page.locator(".status__text")).to_contain_text("Connection lost")
        await b.say("meanwhile")
        await a.say("written while away, 1")
        await a.say("written while away, 2")
        await expect(a.unsent).to_have_count(2)
    with serving(port):
        await a.is_connected()
        everything = ["before", "meanwhile", "written while away, 1", "written while away, 2"]
        await a.shows(*everything)
        await b.shows(*everything)
        await expect(a.unsent).to_have_count(0)
        await a.page.reload()
        await a.shows(*everything)
        await a.is_connected()
    _forgive_lost_connections(a)


async def test_a_message_whose_ack_was_lost_is_stored_once(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.to_page = lambda text: []
    await a.say("once")
    await expect(a.unsent.locator(".message__text")).to_have_text("once")
    held: list[str] = []

    def hold(text: str) -> list[str]:
        held.extend([text] if '"chat.message"' in text else [])
        return [] if '"chat.message"' in text else [text]

    wire.to_page = hold
    await wire.route.close(code=1012)
    await expect(a.page.locator(".status--behind")).to_have_text(
        re.compile("Loading the messages that you have missed…")
    )
    wire.to_page = lambda text: [text]
    for text in held:
        wire.route.send(text)
    await a.is_connected()
    await a.shows("once")
    await a.say("and on")
    await a.shows("once", "and on")
    await expect(a.unsent).to_have_count(0)


async def test_an_event_that_is_lost_on_the_way_is_asked_for_and_shown_at_its_place(
    open_window: OpenWindow, sid: str
) -> None:
    a, b = await open_window(), await open_window()
    wire = await a.intercept()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    asked: list[str] = []

    def watch(text: str) -> list[str]:
        asked.extend([text] if "session.sync" in text else [])
        return [text]

    wire.to_server = watch
    await b.say("one")
    await a.shows("one")
    wire.to_page = lambda text: [] if '"two"' in text and not asked else [text]
    await b.say("two")
    await b.shows("one", "two")
    await b.say("three")
    await a.shows("one", "two", "three")
    assert len(asked) == 1


async def test_an_event_that_comes_twice_is_shown_once(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    wire = await a.intercept()
    wire.to_page = lambda text: [text, text]
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await b.say("one")
    await a.say("two")
    await b.say("three")
    await a.shows("one", "two", "three")


async def test_a_gap_that_cannot_be_filled_holds_nothing_up(open_window: OpenWindow, sid: str) -> None:
    a, b = await open_window(), await open_window()
    wire = await a.intercept()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    wire.to_page = lambda text: [] if '"gone"' in text else [text]
    await b.say("gone")
    await b.shows("gone")
    await b.say("stays")
    await a.shows("stays")
    await b.say("goes on")
    await a.shows("stays", "goes on")
    await wire.route.close(code=1012)
    await expect(a.page.locator(".status__text")).to_contain_text("Connection lost")
    await a.is_connected()
    since = parse_qs(urlsplit(wire.addresses[-1]).query)["since"]
    assert since == [await a.page.locator(".timeline__stored .message").last.get_attribute("data-id")]


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404, 4410])
async def test_a_refusal_is_said_and_not_tried_again(open_window: OpenWindow, sid: str, code: int) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await wire.route.close(code=code)
    await expect(a.page.locator(".status--stopped .status__text")).to_be_visible()
    await expect(a.page.locator(".composer__text")).to_be_disabled()
    await a.page.evaluate("dispatchEvent(new Event('online'))")
    assert len(wire.addresses) == 1


@pytest.mark.parametrize("code", [None, 1012, 1013, 4413])
async def test_other_ends_are_followed_by_another_try(open_window: OpenWindow, sid: str, code: int | None) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await wire.route.close(code=code)
    await expect(a.page.locator(".status--waiting")).to_be_visible()
    await a.is_connected()
    assert len(wire.addresses) == 2


@pytest.mark.parametrize(
    ("code", "random", "seconds"),
    [(4429, 0, "1[0-5]"), (4429, 0.99, "(2[0-9]|30)"), (1012, 0.99, "[3-5]"), (1013, 0.99, "[3-5]")],
)
async def test_a_crowd_does_not_come_back_at_once(
    open_window: OpenWindow, sid: str, code: int, random: float, seconds: str
) -> None:
    a = await open_window()
    await a.page.add_init_script(f"Math.random = () => {random}")
    wire = await a.intercept()
    await a.enter(sid)
    await wire.route.close(code=code)
    await expect(a.page.locator(".status__text")).to_have_text(re.compile(f"Trying again in {seconds} s"))


@pytest.mark.parametrize(
    ("code", "reason"), [(1013, "cannot store messages"), (4413, "too slow"), (4429, "too many requests")]
)
async def test_a_retry_says_what_it_waits_for_and_can_be_made_at_once(
    open_window: OpenWindow, sid: str, code: int, reason: str
) -> None:
    a = await open_window()
    await a.page.add_init_script("Math.random = () => 0.99")
    wire = await a.intercept()
    await a.enter(sid)
    await wire.route.close(code=code)
    await expect(a.page.locator(".status__text")).to_contain_text(reason)
    await a.page.get_by_role("button", name="Try now").click()
    await a.is_connected()
    await expect(a.page.get_by_role("button", name="Try now")).to_be_hidden()


async def test_a_page_that_comes_back_does_not_sit_out_the_wait(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await wire.route.close(code=4429)  # waits 15 s and more
    await expect(a.page.locator(".status--waiting")).to_be_visible()
    await a.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await expect(a.page.locator(".status--connected")).to_be_visible(timeout=5_000)


async def test_a_refused_message_says_why_and_can_be_sent_again(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    sent: list[str] = []

    def refuse_first(text: str) -> list[str]:
        if "chat.message" not in text:
            return [text]
        sent.append(json.loads(text)["hd"]["msg_id"])
        if len(sent) > 1:
            return [text]
        bd = {"code": "rejected", "message": "No links here.", "msg_id": sent[0]}
        wire.route.send(json.dumps({"hd": {"event": "error"}, "bd": bd}))
        return []

    wire.to_server = refuse_first
    await a.say("try this")
    await expect(a.unsent.locator(".message__note")).to_have_text(
        "This session's rules do not allow this message. No links here."
    )
    await a.page.get_by_role("button", name="Send again").click()
    await a.shows("try this")
    await expect(a.unsent).to_have_count(0)
    assert sent == [sent[0]] * 2


async def test_messages_written_offline_are_sent_in_order_after_the_reconnect(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    await a.context.set_offline(True)
    await wire.route.close(code=4429)
    await expect(a.page.locator(".status__text")).to_contain_text("You are offline.")
    for number in range(5):
        await a.say(f"number {number}")
    await expect(a.unsent.locator(".message__note")).to_have_text(["Waiting for the connection"] * 5)
    await a.context.set_offline(False)
    await a.shows(*[f"number {number}" for number in range(5)])
    await expect(a.unsent).to_have_count(0)


async def test_a_browser_that_goes_offline_says_so_while_the_socket_is_still_open(
    open_window: OpenWindow, sid: str
) -> None:
    a, b = await open_window(), await open_window()
    wire = await a.intercept()
    await a.enter(sid, "A")
    await b.enter(sid, "B")
    await a.context.set_offline(True)
    await expect(a.page.locator(".status--offline")).to_contain_text("You are offline.")
    wire.route.send(json.dumps({"hd": {"event": "chat.typing", "role": "B"}, "bd": {"active": True}}))
    await expect(a.page.locator(".typing")).to_have_text("B is typing…")
    await expect(a.page.locator(".status--offline")).to_be_visible()  # a frame from before proves nothing
    await a.say("later")
    await expect(a.unsent.locator(".message__note")).to_have_text("Waiting for the connection")
    await a.context.set_offline(False)
    await a.is_connected()
    await b.shows("later")
    assert len(wire.addresses) == 1
    await expect(a.page.locator(".people__person[data-role=B] .people__state")).to_have_text("online")


async def test_a_browser_that_comes_online_while_it_connects_tries_again_at_once(
    open_window: OpenWindow, sid: str
) -> None:
    a = await open_window()
    sockets: list[WebSocketRoute] = []

    def answer_the_second(route: WebSocketRoute) -> None:
        sockets.append(route)
        if len(sockets) > 1:
            route.connect_to_server()

    await a.page.route_web_socket("**/v1/session/chat**", answer_the_second)
    await a.page.goto(f"{a.base}/s/{sid}/?role=A")
    await expect(a.page.locator(".status--connecting")).to_have_text(re.compile("Connecting…"))
    await a.page.evaluate("dispatchEvent(new Event('offline'))")
    await a.page.evaluate("dispatchEvent(new Event('online'))")
    await expect(a.page.locator(".status--connected")).to_be_visible(timeout=4_000)  # and not after the timeout of 8 s


async def test_a_dead_connection_is_noticed_while_one_types(open_window: OpenWindow, sid: str) -> None:
    a, _ = await over_a_dead_connection(open_window, sid)
    await a.page.clock.fast_forward(9_000)
    for letter in "abc":  # typing on does not delay it
        await a.page.locator(".composer__text").press_sequentially(letter)
        await a.page.clock.fast_forward(3_500)
    await a.page.wait_for_selector(".room:not([data-connection=connected])", timeout=3_000)  # not after 25 s of silence


async def test_after_a_sleep_the_page_reconnects_at_once(open_window: OpenWindow, sid: str) -> None:
    a, wire = await over_a_dead_connection(open_window, sid)
    await a.page.clock.fast_forward("01:00:00")
    await a.page.wait_for_selector(".room:not([data-connection=connected])", timeout=4_000)  # a ping would take 8 s
    assert len(wire.addresses) == 2


async def test_back_from_another_page_the_conversation_is_whole(a_and_b: tuple[Window, Window]) -> None:
    a, b = a_and_b
    await a.say("one")
    await a.shows("one")
    await a.page.goto(a.base + "/")
    await b.say("two")
    await b.shows("one", "two")
    await a.page.go_back()
    await a.is_connected()
    await a.shows("one", "two")
    await b.say("three")
    await a.shows("one", "two", "three")


async def test_without_the_store_the_room_opens_and_fills_when_it_is_back(
    open_window: OpenWindow, tmp_path: Path, sid: str
) -> None:
    with processes.valkey(tmp_path) as store, processes.web(DOQCHAT_REDIS_URL=store.url) as web:
        a = await open_window(web)
        await a.enter(sid)
        await a.say("kept")
        await a.shows("kept")
        store.process.kill()
        response = await a.page.reload()
        assert response
        assert response.status == 200
        await expect(a.page.get_by_text("The conversation cannot be loaded right now.")).to_be_visible()
        await expect(a.page.get_by_text("There are no messages yet.")).to_be_hidden()
        await a.say("waits")
        with processes.valkey(tmp_path, processes.port_of(store.url)):
            await a.shows("kept", "waits")
            await expect(a.page.locator(".timeline__problem").first).to_be_empty()
    _forgive_lost_connections(a)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _forgive_lost_connections(window: Window) -> None:
    """Chromium notes every socket that cannot be opened, and every call that the store's absence fails."""
    forgiven = ("WebSocket connection to", "status of 503")
    window.complaints[:] = [text for text in window.complaints if not any(each in text for each in forgiven)]
