"""What moderation looks like in the room: removed messages, notices, a muted role, a closed session."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.utils import timezone, translation
from playwright.async_api import Locator, expect

from chat.rendering import line
from doqchat.protocol import events, server
from doqchat.store.reader import Entry
from tests import processes
from tests.access.credentials import SHARED, token
from tests.access.operations import SESSION, calling
from tests.chat.conftest import cookie_of
from tests.page.conftest import OpenWindow
from tests.page.frames import event, piece
from tests.page.window import Window
from tests.processes import Web

PLACEHOLDER = "Removed by a moderator"
CLOSED = "This session is closed. You can no longer send messages here."
ONES: dict[str, Any] = {"reply_id": "r1-1", "request_id": "1-1"}
USAGE = events.Usage(input_tokens=1, output_tokens=1)


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires tokens."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


def of_moderator(sid: str) -> str:
    return token(sid, "observer", name="Sora", can=["read", "moderate"])


async def moderate(web: Web, sid: str, method: str, path: str, body: Any = None) -> None:
    answer = await asyncio.to_thread(calling, web, sid, of_moderator(sid), method, path, body)
    assert answer.status == 204, answer


async def enter(window: Window, sid: str, role: str, **said: Any) -> None:
    """Open a link whose token has these further claims."""
    await window.page.goto(f"{window.base}/s/{sid}/?role={role}#token={token(sid, role, **said)}")
    await window.is_connected()


async def test_a_moderator_removes_a_message_and_it_disappears_from_all_windows(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    a, moderator, late = [await open_window(guarded) for _ in range(3)]
    await enter(a, sid, "A")
    await a.say("secret")
    await a.shows("secret")
    await moderator.context.add_cookies(
        [{"name": f"doqchat-{sid}", "value": of_moderator(sid), "url": f"{guarded.http}/"}]
    )
    await moderator.enter(sid)
    await a.say("fine")
    await moderator.shows("secret", "fine")
    button = moderator.page.get_by_role("button", name="Remove this message").first
    await button.press("Enter")
    await moderator.page.get_by_role("button", name="Remove?").press("Enter")
    for window in (a, moderator):
        await window.shows(PLACEHOLDER, "fine", "Moderator Sora removed a message.")
    await moderator.page.reload()
    await enter(late, sid, "B")
    for window in (moderator, late):
        await window.shows(PLACEHOLDER, "fine", "Moderator Sora removed a message.")
        await expect(window.page.locator(".message__author").first).to_contain_text("A")
        assert "secret" not in await window.page.content()
    await expect(moderator.page.locator(".message__remove")).to_have_count(1)
    await expect(late.page.locator(".message__remove")).to_have_count(0)


def policy(window: Window) -> Locator:
    """The choice of what the model answers."""
    return window.page.get_by_label("The AI answers", exact=True)


def buttons(window: Window) -> Locator:
    """The buttons that remove messages."""
    return window.page.locator(".message__remove")


async def test_the_page_offers_what_the_token_of_its_link_allows(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    a, moderator, observer = [await open_window(guarded) for _ in range(3)]
    await enter(a, sid, "A")
    await a.say("hello")
    await enter(moderator, sid, "B", can=["read", "moderate", "configure"])
    await enter(observer, sid, "observer")
    for window in (a, moderator, observer):
        await window.shows("hello")
        await expect(policy(window)).to_have_value("mention")
    await expect(buttons(moderator)).to_have_count(1)
    await expect(policy(moderator)).to_be_enabled()
    await expect(moderator.page.locator(".composer__text")).to_be_disabled()
    for window in (a, observer):
        await expect(policy(window)).to_be_disabled()
        await expect(buttons(window)).to_have_count(0)
    await moderate(guarded, sid, "DELETE", SESSION)
    await expect(moderator.page.locator(".status--stopped")).to_be_visible()
    await moderator.page.reload()
    await expect(buttons(moderator)).to_have_count(1)


async def test_a_growing_answer_offers_what_the_reader_may_do(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    for role, offered in (("A", ["Stop"]), ("observer", [])):
        window = await open_window(guarded)
        wire = await window.intercept()
        await enter(window, sid, role)
        wire.route.send(piece(attempt=1, offset=0, text="Well"))
        await expect(window.growing).to_have_text("Well")
        await expect(window.page.locator(".message--growing").get_by_role("button")).to_have_text(offered)


@pytest.mark.django_db(transaction=True)
async def test_staff_moderates_with_open_access(open_window: OpenWindow, server: Web, sid: str) -> None:
    window = await open_window()
    await window.enter(sid)
    await window.say("hello")
    await window.shows("hello")
    await expect(policy(window)).to_be_enabled()
    await expect(buttons(window)).to_have_count(0)
    user = await sync_to_async(get_user_model().objects.create_user)("sora", is_staff=True)
    name, _, value = (await sync_to_async(cookie_of)(user)).partition("=")
    await window.context.add_cookies([{"name": name, "value": value, "url": f"{server.http}/"}])
    await window.page.reload()
    await expect(buttons(window)).to_have_count(1)
    await expect(policy(window)).to_be_enabled()


async def test_the_focus_moves_on_when_its_message_is_removed(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window = await open_window(guarded)
    await enter(window, sid, "A", can=["read", "send", "moderate"])
    for text in ("one", "two", "three"):
        await window.say(text)
    await window.shows("one", "two", "three")
    remove = buttons(window)
    await remove.first.focus()
    for removed in (1, 2):
        await window.page.keyboard.press("Enter")
        await window.page.keyboard.press("Enter")
        await expect(window.page.locator(".message--removed")).to_have_count(removed)
        await expect(remove.first).to_be_focused()
    ids = await window.page.locator(".message").evaluate_all("items => items.map((item) => item.dataset.id)")
    await moderate(guarded, sid, "DELETE", f"{SESSION}/messages/{ids[2]}")
    await expect(window.page.locator(".timeline")).to_be_focused()


async def test_a_removal_that_fails_keeps_the_focus(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    window = await open_window(guarded)
    await enter(window, sid, "A", can=["read", "send", "moderate"])
    await window.say("one")
    await window.page.route("**/messages/*", lambda route: route.abort())
    await buttons(window).focus()
    await window.page.keyboard.press("Enter")
    await window.page.keyboard.press("Enter")
    await expect(window.page.locator(".timeline__problem")).not_to_be_empty()
    await expect(buttons(window)).to_be_focused()
    window.complaints.clear()


async def test_a_removed_answer_keeps_no_tag_and_no_note(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    await a.enter(sid)
    wire.route.send(event("llm.response", "5-0", text="secret", finish_reason="length", model="test"))
    await a.shows("secret")
    wire.route.send(event("message.removed", "6-0", "5-0", id="5-0", reason="private"))
    await a.shows(PLACEHOLDER, "A moderator removed a message.")
    await expect(a.page.locator(".message__tag")).to_have_text(["", ""])
    await expect(a.page.locator(".message__note")).to_have_text(["", "Reason: private"])


async def test_the_time_left_of_a_long_mute_is_told_in_days(open_window: OpenWindow, guarded: Web, sid: str) -> None:
    a = await open_window(guarded)
    await enter(a, sid, "A")
    await moderate(guarded, sid, "PUT", f"{SESSION}/mutes/A", {"seconds": 3 * 86_400})
    mute = a.page.locator(".composer__mute-text")
    await expect(mute).to_have_text("A moderator has muted you. You can write again in 3 days.")


async def test_a_muted_reader_keeps_the_draft_and_writes_again_when_the_mute_ends(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    a = await open_window(guarded)
    field, mute = a.page.locator(".composer__text"), a.page.locator(".composer__mute-text")
    await enter(a, sid, "A")
    await a.write("a draft")
    await moderate(guarded, sid, "PUT", f"{SESSION}/mutes/A", {"seconds": 600, "reason": "pause"})
    await expect(mute).to_have_text("A moderator has muted you. You can write again in 10 minutes.")
    await expect(field).to_be_disabled()
    await expect(field).to_have_value("a draft")
    await a.shows("Moderator Sora muted A.")
    await expect(a.page.locator(".timeline__stored .message__foot")).to_contain_text("Reason: pauseUntil")
    await a.page.reload()
    await a.is_connected()
    await a.say("hello?")
    await expect(mute).to_contain_text("You can write again in")
    await expect(a.unsent.locator(".message__note")).to_have_text("A moderator has muted you. Nothing was sent.")
    await expect(field).to_be_disabled()
    await moderate(guarded, sid, "DELETE", f"{SESSION}/mutes/A")
    await expect(field).to_be_enabled()
    await moderate(guarded, sid, "PUT", f"{SESSION}/mutes/A", {"seconds": 1})
    await a.shows("Moderator Sora muted A.", "Moderator Sora unmuted A.", "Moderator Sora muted A.")
    await expect(mute).to_be_empty()
    await a.page.get_by_role("button", name="Send again").click()
    await expect(a.texts.last).to_have_text("hello?")


async def test_a_closed_session_says_so_and_stays_readable_until_it_is_reopened(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    a = await open_window(guarded)
    wire = await a.intercept()
    await enter(a, sid, "A")
    await a.say("hello")
    await a.shows("hello")
    wire.to_server = lambda text: []
    await a.say("too late")
    await moderate(guarded, sid, "DELETE", f"{SESSION}?reason=done")
    for connections in (1, 2):
        await expect(a.page.locator(".status--stopped .status__text")).to_have_text(CLOSED)
        await expect(a.page.locator(".composer__text")).to_be_disabled()
        await expect(a.page.locator(".composer__problem")).to_be_empty()
        await a.shows("hello", "Moderator Sora closed the session.")
        await expect(a.page.locator(".timeline__stored .message__note").last).to_have_text("Reason: done")
        assert len(wire.addresses) == connections
        await expect(a.unsent.locator(".message__note")).to_have_text("Not sent")
        await expect(a.unsent.get_by_role("button")).to_have_text(["Copy", "Discard"])
        await expect(a.page.locator("#policy")).to_be_disabled()
        await a.page.reload()
    wire.to_server = lambda text: [text]
    await moderate(guarded, sid, "POST", f"{SESSION}/reopen")
    await a.page.reload()
    await a.is_connected()
    await a.say("again")
    await a.shows("hello", "Moderator Sora closed the session.", "Moderator Sora reopened the session.", "again")
    await expect(a.unsent.get_by_role("button")).to_have_text(["Send again", "Discard"])
    await a.unsent.get_by_role("button", name="Discard").click()
    await expect(a.unsent).to_have_count(0)


@pytest.mark.parametrize(
    "body",
    [
        events.ChatMessage(text="secret"),
        events.LLMRequest(prompt="secret"),
        events.LLMResponse(**ONES, text="secret", finish_reason="length", model="m", usage=USAGE),
        events.LLMError(**ONES, code="timeout", message="Too slow.", text="secret"),
    ],
    ids=lambda body: body.event,
)
def test_the_server_renders_a_placeholder_for_what_was_removed(body: events.Body) -> None:
    placeholder = server.placeholder(server.stored("s", body, "A"))
    assert placeholder is not None
    with translation.override("en"):
        shown = line(Entry("2-0", "1-1", "A", placeholder), "A")
    assert shown is not None
    assert (shown.text, shown.tag, shown.note, shown.failed, shown.removed) == (PLACEHOLDER, "", "", False, True)


@pytest.mark.parametrize(
    ("body", "text", "note"),
    [
        (events.MessageRemoved(id="1-1", reason="private"), "{by} removed a message.", "Reason: private"),
        (events.SessionNotice(code="muted", text="", role="B", until="2026-11-30T05:00:00Z"), "{by} muted B.", ""),
        (events.SessionNotice(code="unmuted", text="", role="user"), "{by} unmuted Guest.", ""),
        (events.SessionNotice(code="reopened", text=""), "{by} reopened the session.", ""),
        (events.SessionNotice(code="released", text=""), "{by} ended the legal hold of this conversation.", ""),
        (events.SessionNotice(code="exported", text=""), "{by} exported this conversation.", ""),
        (events.SessionNotice(code="unreadable", text="Not a message."), "Not a message.", ""),
        (events.SessionClosed(), "{by} closed the session.", ""),
    ],
)
@pytest.mark.parametrize(("name", "by"), [("Sora", "Moderator Sora"), (None, "A moderator")])
def test_the_server_renders_notices_in_the_language_of_the_page(
    body: events.Body, text: str, note: str, name: str | None, by: str
) -> None:
    with translation.override("en"), timezone.override("UTC"):
        shown = line(Entry("2-0", "1-1", "A", server.stored("s", body, "A", name)), "A")
        assert shown is not None
        assert (shown.kind, shown.own, shown.text, shown.note) == ("notice", False, text.format(by=by), note)
        assert shown.end[:16] == ("" if getattr(body, "until", None) is None else "Until 2026-11-30")


async def test_what_an_administrator_erases_disappears_from_open_windows(
    open_window: OpenWindow, guarded: Web, sid: str
) -> None:
    window = await open_window(guarded)
    await enter(window, sid, "A")
    await window.say("a secret")
    await window.shows("a secret")
    command = [*processes.manage("doqchat_erase"), "--sid", sid, "--yes"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    erased = await asyncio.to_thread(processes.completed, command, environment)
    assert erased.returncode == 0, erased.stderr
    await window.shows(PLACEHOLDER, "An administrator erased everything that was said until here.")
    await expect(window.page.get_by_text("a secret")).to_have_count(0)
    await expect(window.page.get_by_text(PLACEHOLDER)).to_have_count(1)
    await window.page.reload()
    await expect(window.page.get_by_text(PLACEHOLDER)).to_have_count(1)
    await expect(window.page.get_by_text("a secret")).to_have_count(0)
