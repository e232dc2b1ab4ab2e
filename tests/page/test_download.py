"""The conversation as a file."""

import asyncio
import json
from pathlib import Path
from typing import Any

import redis
from playwright.async_api import Route, expect

from tests.page.conftest import OpenWindow
from tests.page.stored import store_messages
from tests.page.window import Window


async def download(window: Window, label: str) -> tuple[str, str]:
    """The name and the content of the file that a button downloads."""
    async with window.page.expect_download() as started:
        await window.page.get_by_role("button", name=label).click()
    file = await started.value
    return file.suggested_filename, await asyncio.to_thread(Path(await file.path()).read_text, "utf-8")


async def test_the_whole_conversation_is_downloaded_as_json_and_as_text(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"n{number} **bold** <b>" for number in range(1_050)]
    store_messages(store, sid, texts)
    a = await open_window()
    await a.enter(sid)
    name, content = await download(a, "As JSON")
    exported: Any = json.loads(content)
    assert (name, exported["sid"]) == (f"{sid}.json", sid)
    assert [message["bd"]["text"] for message in exported["messages"]] == texts
    name, content = await download(a, "As text")
    assert name == f"{sid}.md"
    assert content.startswith(f"# {sid}\n\n## ")
    assert [line for line in content.splitlines() if line.endswith("<b>")] == texts
    assert "**B** (" in content
    await expect(a.page.get_by_text("Downloaded: 1050 events")).to_be_visible()


async def test_a_download_can_be_cancelled(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    store_messages(store, sid, ["one"])
    a = await open_window()
    await a.enter(sid)
    asked = asyncio.Event()

    async def never_answer(route: Route) -> None:
        asked.set()

    await a.page.route("**/history/**", never_answer)
    await a.page.get_by_role("button", name="As text").click()
    await asked.wait()
    await a.page.get_by_role("button", name="Cancel").press("Enter")
    await expect(a.page.get_by_text("The download was cancelled.")).to_be_visible()
    await expect(a.page.get_by_role("button", name="As text")).to_be_focused()
