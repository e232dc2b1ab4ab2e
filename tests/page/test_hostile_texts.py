"""No text runs a script, loads anything, or makes an element that texts may not have."""

import json

import redis
from playwright.async_api import Route, expect

from tests.page.conftest import OpenWindow
from tests.page.frames import event, piece
from tests.page.vectors import LOADING, VECTORS, Guard
from tests.page.window import Window

END = "the end"
AT_ONCE = 50  # replies


def test_the_corpus_is_large() -> None:
    assert len(set(VECTORS)) >= 300


async def test_hostile_texts_do_nothing_in_the_history(open_window: OpenWindow, store: "redis.Redis", sid: str) -> None:
    for number, text in enumerate([*VECTORS, END]):
        role, name = ("llm", "llm.response") if number % 2 else ("B", "chat.message")
        body = {"hd": {"event": name, "role": role}, "bd": {"text": text, "finish_reason": "stop", "model": text}}
        store.xadd(f"chat:session:{sid}", {"participant": role, "body": json.dumps(body)})
    a = await open_window()
    guard = await _enter(a, sid)
    earlier = a.page.get_by_role("button", name="Show earlier messages")
    while await earlier.is_visible():
        shown = await a.texts.count()
        await earlier.click()
        await expect(a.texts.nth(shown)).to_be_attached()
    await expect(a.texts).to_have_count(len(VECTORS) + 1)
    assert await guard.found() == []


async def test_hostile_texts_do_nothing_in_live_messages(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    guard = await _enter(a, sid)
    for number, text in enumerate([*VECTORS, END], 1):
        names = {"code": "note", "model": text, "reason": text, "message": text, "finish_reason": "stop"}
        kind = ("chat.message", "llm.response", "llm.error", "session.notice")[number % 4]
        reply = {"reply_id": f"r{number}", "request_id": text}
        wire.route.send(event(kind, f"{number}-0", f"{number - 1}-0", text=text, **names, **reply))
    await expect(a.texts).to_have_count(len(VECTORS) + 1)
    assert await guard.found() == []


async def test_hostile_texts_do_nothing_while_they_stream(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    guard = await _enter(a, sid)
    for start in range(0, len(VECTORS), AT_ONCE):
        replies = [
            {"reply_id": f"r{n}", "request_id": f"{n}-0"} for n in range(start, min(start + AT_ONCE, len(VECTORS)))
        ]
        for reply, text in zip(replies, VECTORS[start:], strict=False):
            for offset, sent in (0, f"{text}\n\n"), (len(text) + 2, f"{END}\n\nand on"):
                wire.route.send(piece(**reply, attempt=1, offset=offset, text=sent))
        await expect(a.growing).to_contain_text(["and on"] * len(replies))
        assert await guard.found() == []
        for number, reply in enumerate(replies, start + 1):
            end = {"text": END, "finish_reason": "stop", "model": "test"}
            wire.route.send(event("llm.response", f"{number}-0", f"{number - 1}-0", **reply | end))
        await expect(a.growing).to_have_count(0)


async def test_hostile_names_do_nothing(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    guard = await _enter(a, sid)
    for number, text in enumerate(VECTORS, 1):
        kind = ("message.removed", "session.notice", "chat.message")[number % 3]
        hd = {"event": kind, "role": "B", "name": text, "id": f"{number}-0", "prev": f"{number - 1}-0"}
        bd = {"id": text, "code": "muted", "role": text, "reason": text, "until": text, "text": END}
        wire.route.send(json.dumps({"hd": hd, "bd": bd}))
    await expect(a.texts).to_have_count(len(VECTORS))
    assert await guard.found() == []


async def test_hostile_texts_do_nothing_in_search_results(
    open_window: OpenWindow, store: "redis.Redis", sid: str
) -> None:
    for text in VECTORS:
        body = {"hd": {"event": "chat.message", "role": "B", "name": text}, "bd": {"text": f"{text} needle"}}
        store.xadd(f"chat:session:{sid}", {"participant": "B", "body": json.dumps(body)})
    a = await open_window()
    guard = await _enter(a, sid)
    await a.page.keyboard.press("Escape")
    await a.page.locator(".room__search").click()
    await a.page.get_by_role("searchbox").fill("needle")
    hits, more = a.page.locator(".search__hit"), a.page.locator(".search__more")
    while await hits.count() < len(VECTORS):
        shown = await hits.count()
        if shown:
            await more.click()
        await expect(hits.nth(shown)).to_be_attached()
    assert await guard.found() == []
    assert await a.page.locator(f".search__hits :is({LOADING}, a)").count() == 0


async def test_hostile_titles_and_names_of_the_assistant_do_nothing(open_window: OpenWindow, sid: str) -> None:
    a = await open_window()
    wire = await a.intercept()
    settings = {"policy": "mention", "on_new_message": "finish", "wait_seconds": 1, "llm": "default", "system": ""}

    async def answer(route: Route) -> None:
        body = {"sid": sid, "can": ["configure"], "settings": settings, "messages": 0, "members": {}, "replies": 0}
        await route.fulfill(json=body)

    await a.page.route("**/api/chat/sessions/*", answer)
    guard = await _enter(a, sid)
    before = await a.page.locator(LOADING).count()
    for text in VECTORS:
        settings |= dict.fromkeys(("title", "name_a", "name_b", "name_llm", "llm", "policy"), text)
        hd = {"event": "session.settings", "role": "B", "name": text}
        wire.route.send(json.dumps({"hd": hd, "bd": settings}))
    wire.route.send(json.dumps({"hd": {"event": "session.settings", "role": "B"}, "bd": settings | {"title": END}}))
    settings["title"] = END
    await expect(a.page.locator(".room__name")).to_have_text(END)
    assert await guard.found() == []
    assert await a.page.locator(LOADING).count() == before


async def _enter(window: Window, sid: str) -> Guard:
    guard = Guard(window.page, window.base)
    await guard.watch()
    await window.enter(sid)
    return guard
