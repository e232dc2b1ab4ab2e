"""A search in a session's history covers the archive by its index and what is not copied yet, in order."""

import json
import random

import pytest
from django.db import connections

from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.protocol import server
from doqchat.store.history import History, Search
from doqchat.store.moderation import Moderation
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream


@pytest.fixture
def history(stream: SessionStream, archive: DatabaseArchive) -> History:
    return History(stream, archive)


async def say(stream: SessionStream, sid: str, *texts: str, role: str = "A") -> list[str]:
    bodies = [json.dumps({"hd": {"event": "chat.message"}, "bd": {"text": text}}) for text in texts]
    return [(await stream.append(sid, role, body)).id for body in bodies]


async def walk(history: History, sid: str, search: Search) -> list[tuple[str, str]]:
    """The ids and previous ids of all events on all pages."""
    found: list[tuple[str, str]] = []
    while True:
        page = await history.page(sid, search)
        assert len(page.entries) <= search.limit
        found += [(entry.id, entry.prev) for entry in page.entries]
        if page.next is None:
            return found
        search = search.behind(page.next)


async def test_pages_are_those_of_a_scan_wherever_the_events_are(
    history: History, stream: SessionStream, archiver: Archiver, sid: str
) -> None:
    words = random.Random(1)
    texts = [words.choice(["부산에서", "서울", "부 산", "산부"]) for _ in range(70)]
    ids = await say(stream, sid, *texts[:50])
    await archiver.run_once()
    ids += await say(stream, sid, *texts[50:])
    scan = History(stream)
    for newest_first in (False, True):
        for limit in (1, 3, 100):
            for after, before in ((ids[0], None), (ids[10], ids[60]), (ids[30], ids[40]), (ids[55], ids[65])):
                search = Search(after, before, "A", "chat.message", "부산", limit, newest_first)
                assert await walk(history, sid, search) == await walk(scan, sid, search)


async def test_the_index_is_used_for_what_is_archived(
    history: History, stream: SessionStream, archiver: Archiver, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, *_) = await say(stream, sid, "needle", *["hay"] * 40)
    await archiver.run_once()
    monkeypatch.setattr("doqchat.store.history.SCANNED", 1)
    page = await history.page(sid, Search(text="needle"))
    assert ([entry.id for entry in page.entries], page.next) == ([first], None)


async def test_what_is_in_the_store_is_found_while_the_database_cannot_be_used(
    history: History, stream: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await say(stream, sid, "needle", "hay")
    with monkeypatch.context() as away:
        away.setitem(connections.settings["default"], "NAME", "/nowhere/db.sqlite3")
        page = await history.page(sid, Search(after="0-1", text="needle"))
    assert [entry.id for entry in page.entries] == said[:1]


async def test_a_removed_message_is_not_found(
    history: History, stream: SessionStream, archiver: Archiver, shards: Shards, archive: DatabaseArchive, sid: str
) -> None:
    said = await say(stream, sid, "needle", "needle")
    await archiver.run_once()
    entry = await stream.get(sid, said[0])
    assert entry is not None
    placeholder = server.placeholder(entry.body)
    assert placeholder is not None
    await Moderation(shards, archive).remove(sid, said[0], placeholder, "llm", '{"hd":{"event":"message.removed"}}')
    page = await history.page(sid, Search(text="needle"))
    assert [entry.id for entry in page.entries] == said[1:]
