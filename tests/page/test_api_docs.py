"""The HTTP API's own pages in a browser, under the site's content security policy and without another host."""

from urllib.parse import urlsplit

import redis
from playwright.async_api import expect

from tests.chat.sessions import write_messages
from tests.page.conftest import OpenWindow
from tests.processes import Web


async def test_the_pages_of_the_api_can_call_it(
    open_window: OpenWindow, server: Web, store: "redis.Redis", sid: str
) -> None:
    write_messages(store, sid, ("A", "이 페이지에서 보여요"))
    window = await open_window()
    hosts: set[str | None] = set()
    window.page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    await window.page.goto(f"{window.base}/api/chat/docs")
    await window.page.get_by_text("/history/{sid}").click()
    await window.page.get_by_role("button", name="Try it out").click()
    await window.page.get_by_placeholder("sid").fill(sid)
    await window.page.get_by_role("button", name="Execute").click()
    await expect(window.page.locator(".live-responses-table")).to_contain_text("이 페이지에서 보여요")
    assert hosts == {server.address}
