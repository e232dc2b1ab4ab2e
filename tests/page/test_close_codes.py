"""What a page learns of a connection that the server refuses or ends: the error frame and the close code."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from doqchat.limits.connection import REFUSED
from tests import processes
from tests.client import WITHIN
from tests.ports import free_port
from tests.processes import Web

TALK = """
    ([url, text, times]) => new Promise((resolve) => {
        const socket = new WebSocket(url, ["doqchat.v1"]), errors = []
        socket.onopen = () => { for (let sent = 0; sent < times; sent++) socket.send(text) }
        socket.onmessage = ({ data }) => {
            const { hd, bd } = JSON.parse(data)
            if (hd.event === "error") errors.push(bd.code)
            if (hd.event === "session.welcome") document.title = "welcomed"
        }
        socket.onclose = ({ code }) => resolve({ code, last: errors.at(-1) ?? null })
    })
"""


async def blank_page(browser: Browser, web: Web) -> Page:
    """A page of the site without anything of ours in it."""
    page = await browser.new_page()
    await page.goto(f"{web.http}/healthz")
    return page


async def talk(page: Page, web: Web, path: str, text: str = "", times: int = 0) -> dict[str, Any]:
    """Open a socket, send a text so many times, and wait for the end: its close code and the last error before it."""
    async with asyncio.timeout(WITHIN):
        return await page.evaluate(TALK, [web.ws + path, text, times])


@pytest.mark.parametrize(
    ("path", "text", "times", "code", "last"),
    [
        ("/v1/session/chat", "", 0, 4400, "invalid_message"),
        ("/v1/session/chat?sid=a&role=llm", "", 0, 4400, "role_forbidden"),
        ("/v1/session/chat?sid=a&since=x", "", 0, 4400, "invalid_message"),
        ("/v1/elsewhere?sid=a", "", 0, 4400, "not_found"),
        ("/v1/session/chat?sid={sid}", "{", 2 * REFUSED.most, 4429, "rate_limited"),
        ("/v1/session/chat?sid={sid}", "x" * (1024 * 1024 + 1), 1, 1009, None),
    ],
    ids=["no sid", "role llm", "bad since", "wrong path", "refused frames", "too large"],
)
async def test_a_page_sees_why_its_connection_is_closed(
    browser: Browser, any_server: Web, sid: str, path: str, text: str, times: int, code: int, last: str | None
) -> None:
    page = await blank_page(browser, any_server)
    assert await talk(page, any_server, path.format(sid=sid), text, times) == {"code": code, "last": last}
    await page.close()


async def test_a_page_of_a_foreign_site_sees_that_it_is_refused(
    browser: Browser, any_server: Web, second_server: Web, sid: str
) -> None:
    page = await blank_page(browser, second_server)
    assert await talk(page, any_server, f"/v1/session/chat?sid={sid}") == {"code": 4403, "last": "forbidden"}
    await page.close()


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_a_page_sees_that_the_store_is_unreachable(
    browser: Browser, django_db_setup: None, sid: str, server: str
) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with processes.web(server, DOQCHAT_REDIS_URL=nowhere) as web:
        page = await blank_page(browser, web)
        assert await talk(page, web, f"/v1/session/chat?sid={sid}") == {"code": 1013, "last": "unavailable"}
        await page.close()


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_a_page_sees_that_the_server_restarts(
    browser: Browser, store_url: str, django_db_setup: None, sid: str, server: str
) -> None:
    with processes.web(server) as web:
        page = await blank_page(browser, web)
        talking = asyncio.create_task(talk(page, web, f"/v1/session/chat?sid={sid}"))
        async with asyncio.timeout(WITHIN):
            await page.wait_for_function("document.title === 'welcomed'")
        await asyncio.to_thread(web.process.end)
        assert await talking == {"code": 1012, "last": None}
        await page.close()
