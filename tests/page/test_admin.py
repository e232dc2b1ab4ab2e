"""The admin in a browser, under the site's content security policy."""

import asyncio
import time

import pytest
import redis
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.async_api import expect

from tests.chat.archived import archive, leave
from tests.chat.fetch import post
from tests.chat.sessions import write_messages
from tests.page.conftest import OpenWindow
from tests.page.test_accessibility import violations
from tests.page.vectors import LOADING, VECTORS, Guard
from tests.page.window import Window
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)  # what a web process reads has to be committed

PASSWORD = "not a secret"


@pytest.fixture
def administrator(transactional_db: None) -> str:
    """The name of a superuser whose password web processes can check: they have the site's hashers, not the tests'."""
    user = get_user_model()(username="administrator", is_staff=True, is_superuser=True)
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt")
    user.save()
    return user.username


@pytest.mark.parametrize(
    ("locale", "sessions", "older"), [("en-US", "Chat sessions", "Older"), ("ko-KR", "채팅 세션", "이전 내용")]
)
async def test_an_administrator_reads_a_session_and_the_browser_does_not_complain(
    open_window: OpenWindow,
    server: Web,
    store: "redis.Redis",
    administrator: str,
    sid: str,
    locale: str,
    sessions: str,
    older: str,
) -> None:
    texts = [f"<script>alert({number})</script> 안녕하세요" for number in range(60)]
    write_messages(store, sid, *[("A", text) for text in texts[:-1]])
    assert post(server, sid, texts[-1]).status == 201
    window = await open_window(locale=locale)
    page = window.page
    await log_in(window, administrator)
    await page.locator("#content").get_by_role("link", name=sessions, exact=True).click()
    await expect(page.locator("h1", has_text=sessions)).to_be_visible()
    await page.get_by_role("link", name=sid).click()
    events = page.locator(".session-timeline tbody tr")
    await expect(events).to_have_count(50)
    await expect(events.first).to_contain_text("<script>alert(59)</script> 안녕하세요")
    await page.get_by_role("link", name=older).click()
    await expect(events).to_have_count(10)
    await expect(events.last).to_contain_text("<script>alert(0)</script> 안녕하세요")


async def test_hostile_texts_do_nothing_in_the_admin(
    open_window: OpenWindow, server: Web, store: "redis.Redis", administrator: str, sid: str
) -> None:
    assert post(server, sid, VECTORS[0]).status == 201
    write_messages(store, sid, *[("A", text) for text in VECTORS[1:]])
    window = await open_window(locale="en-US")
    guard = Guard(window.page, window.base)
    await guard.watch()
    await log_in(window, administrator)
    await window.page.goto(f"{window.base}/admin/doqchat/chatsession/")
    await window.page.get_by_role("link", name=sid).click()
    await window.page.wait_for_selector(".session-timeline")
    loading = await window.page.locator(LOADING).count()
    seen = 0
    while True:
        seen += await window.page.locator(".session-timeline tbody tr").count()
        assert await guard.found() == []
        assert await window.page.locator(LOADING).count() == loading
        older = window.page.get_by_role("link", name="Older")
        if not await older.count():
            break
        async with window.page.expect_navigation():
            await older.click()
    assert seen == len(VECTORS)


async def test_the_pages_of_the_admin_are_accessible(
    open_window: OpenWindow, server: Web, store: "redis.Redis", administrator: str, sid: str
) -> None:
    now = int(time.time() * 1000)
    usage = {"input_tokens": 900, "output_tokens": 80}
    answer = {"request_id": f"{now - 2_000}-0", "text": "답", "model": "m", "usage": usage}
    said = [("chat.message", {"text": "안녕"}), ("llm.response", answer), ("llm.error", {**answer, "code": "timeout"})]
    await asyncio.to_thread(archive, sid, *said, at=now)
    await asyncio.to_thread(leave, sid, title="첫 상담")
    window = await open_window(locale="ko-KR")
    page = window.page
    await log_in(window, administrator)
    found = []
    await page.goto(f"{window.base}/admin/doqchat/chatsession/")
    found += await violations(page)
    await page.get_by_role("link", name=sid).click()
    found += await violations(page)
    await page.get_by_role("link", name="역할의 발언 막기", exact=True).click()
    found += await violations(page)
    for path in ("/admin/", "/admin/doqchat/statistics/"):
        await page.goto(f"{window.base}{path}")
        await expect(page.locator(".plot")).to_have_count(7)
        for summary in await page.locator(".plot summary").all():
            await summary.click()
        found += await violations(page)
    assert found == []


async def test_a_timeline_shows_new_events_by_itself(
    open_window: OpenWindow, server: Web, store: "redis.Redis", administrator: str, sid: str
) -> None:
    assert (await asyncio.to_thread(post, server, sid, "first")).status == 201
    window = await open_window(locale="en-US")
    await window.page.clock.install()
    await log_in(window, administrator)
    await window.page.goto(f"{window.base}/admin/doqchat/chatsession/")
    await window.page.get_by_role("link", name=sid).click()
    events = window.page.locator(".session-timeline__text")
    await expect(events).to_have_text(["first"])
    write_messages(store, sid, ("A", "<b>second</b>"))
    await window.page.clock.run_for(6_000)
    await expect(events).to_have_text(["<b>second</b>", "first"])


async def test_a_notice_of_an_administrator_is_a_line_in_the_room(
    open_window: OpenWindow, server: Web, administrator: str, sid: str
) -> None:
    member, window = await open_window(locale="en-US"), await open_window(locale="en-US")
    await member.enter(sid, "A")
    await member.say("hello")
    await member.shows("hello")
    await log_in(window, administrator)
    await window.page.goto(f"{window.base}/admin/doqchat/chatsession/")
    await window.page.get_by_role("link", name=sid).click()
    await window.page.get_by_role("link", name="Send a notice").click()
    await window.page.get_by_label("Text").fill("We close {name} at 18:00.")
    await window.page.get_by_role("button", name="Send a notice").click()
    line = f"Notice from {administrator}: We close {{name}} at 18:00."
    await member.shows("hello", line)
    await member.page.reload()
    await member.shows("hello", line)


async def log_in(window: Window, administrator: str) -> None:
    await window.page.goto(f"{window.base}/admin/")
    await window.page.fill("#id_username", administrator)
    await window.page.fill("#id_password", PASSWORD)
    await window.page.press("#id_password", "Enter")
    await window.page.wait_for_selector("#user-tools")
