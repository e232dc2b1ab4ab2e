"""The conversation as a file."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.async_api import Route, expect

from tests import processes
from tests.access.credentials import SHARED, token
from tests.page.conftest import OpenWindow
from tests.page.stored import store_messages
from tests.page.window import Window
from tests.processes import Web

LABELS = {
    "html": "For reading and printing",
    "md": "As text",
    "csv": "For a spreadsheet",
    "json": "Everything, as JSON",
}


async def download(window: Window, form: str) -> tuple[str, str]:
    """The name and the content of the file that a link downloads."""
    async with window.page.expect_download() as started:
        await window.page.get_by_role("link", name=LABELS[form]).click()
    file = await started.value
    return file.suggested_filename, await asyncio.to_thread(Path(await file.path()).read_text, "utf-8")


async def test_the_whole_conversation_is_downloaded_in_every_format(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    texts = [f"n{number} **bold** <b>" for number in range(1_050)]
    store_messages(store, sid, texts)
    store.hset(f"{{chat:session:{sid}}}:settings", "title", "첫 상담")
    a = await open_window()
    await a.enter(sid)
    found = {form: await download(a, form) for form in LABELS}
    assert {form: name for form, (name, _) in found.items()} == {form: f"첫 상담.{form}" for form in LABELS}
    bodies = [json.loads(event["body"]) for event in json.loads(found["json"][1])["events"]]
    assert [body["bd"]["text"] for body in bodies] == texts
    assert [line[4:] for line in found["md"][1].splitlines() if line.startswith("    ")] == texts
    assert found["csv"][1].count("**bold**") == found["html"][1].count("**bold**") == len(texts)
    await expect(a.page.locator(".download__state")).to_have_text("Downloaded")


async def test_a_download_can_be_cancelled(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    store_messages(store, sid, ["one"])
    a = await open_window()
    await a.enter(sid)
    asked = asyncio.Event()

    async def never_answer(route: Route) -> None:
        asked.set()

    await a.page.route("**/export?*", never_answer)
    await a.page.get_by_role("link", name="As text").click()
    await asked.wait()
    await a.page.get_by_role("button", name="Cancel").press("Enter")
    await expect(a.page.get_by_text("The download was cancelled.")).to_be_visible()
    await expect(a.page.get_by_role("link", name=LABELS["html"])).to_be_focused()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (429, "Too many downloads. Try again in a minute."),
        (503, "The conversation could not be downloaded. Try again in a moment."),
    ],
)
async def test_the_page_says_why_there_is_no_file(
    open_window: OpenWindow, sid: str, status: int, sentence: str
) -> None:
    a = await open_window()
    await a.enter(sid)
    link = a.page.get_by_role("link", name="As text")
    await link.click()
    await expect(a.page.locator(".download__state")).to_have_text("There is nothing to download yet.")

    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"error": {}})

    await a.page.route("**/export?*", refuse)
    await link.click()
    await expect(a.page.locator(".download__state")).to_have_text(sentence)
    a.complaints.clear()  # the browser reports each refusal


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires a token."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


async def test_a_token_of_a_link_is_sent_for_the_download(
    open_window: OpenWindow, store: "redis.Redis", guarded: Web, sid: str
) -> None:
    store_messages(store, sid, ["one"])
    a = await open_window(guarded)
    await a.page.goto(f"{guarded.http}/s/{sid}/?role=observer#token={token(sid, 'observer')}")
    await a.is_connected()
    name, content = await download(a, "md")
    assert name == f"{sid}.md"
    assert "    one\n" in content
