"""`GET /api/chat/history/{sid}` where there is much to look at: pages are bounded, and hold up nobody."""

import asyncio
import socket
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from doqchat.engine import Engine
from doqchat.protocol.ids import BEGINNING
from doqchat.store import history as engine_history
from doqchat.store import keys
from doqchat.store.history import Page, Search
from tests import processes
from tests.chat.conftest import Write
from tests.chat.fetch import fetch, history
from tests.chat.sessions import write_messages
from tests.client import WITHIN
from tests.processes import Web

pytestmark = pytest.mark.slow

MARKS = "\u0301\u0327" * 4_000
LONG = 8_000
ENOUGH = 2 * engine_history.SCANNED_BYTES // LONG
"""Messages of LONG characters that are too many for one page to look at."""


@pytest.fixture(params=["uvicorn", "daphne"])
def own_server(request: pytest.FixtureRequest, own_store: processes.Store, django_db_setup: None) -> Iterator[Web]:
    """A web process that has a store for itself."""
    with processes.web(request.param, DOQCHAT_REDIS_URL=own_store.url) as web:
        yield web


async def walk(engine: Engine, sid: str, **query: Any) -> list[Page]:
    """All pages of a search."""
    search = Search(**query)
    pages = [await engine.history.page(sid, search)]
    while (cursor := pages[-1].next) is not None:
        pages.append(await engine.history.page(sid, search.behind(cursor)))
    return pages


def scripts_run(store: "redis.Redis") -> int:
    """How many scripts the store has run: a search reads with one at a time."""
    return int(store.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"])


async def test_others_are_answered_while_a_session_of_marks_is_searched(
    any_server: Web, sid: str, write: Write
) -> None:
    write(*[("A", MARKS)] * 2_000)
    search = asyncio.create_task(asyncio.to_thread(history, any_server, sid, q=MARKS[:190] + "xx"))
    other = asyncio.create_task(asyncio.to_thread(fetch, any_server, "/healthz"))
    first, _ = await asyncio.wait([search, other], return_when=asyncio.FIRST_COMPLETED)
    assert first == {other}
    page = (await search).json
    assert page["messages"] == []
    assert page["next"] is not None


def test_a_word_behind_many_marks_is_found(server: Web, sid: str, write: Write) -> None:
    ids = write(("A", "before"), ("A", MARKS + " needle"), ("A", "after"))
    found = history(server, sid, q="needle").json["messages"]
    assert [message["hd"]["id"] for message in found] == ids[1:2]


@pytest.mark.parametrize("place", [0, 1_330, 99_990, 99_995, 100_000, 109_999, 299_990])
async def test_a_long_text_is_searched_to_its_end(engine: Engine, sid: str, write: Write, place: int) -> None:
    needle = "각" * 10
    text = ("가" * place + needle).ljust(300_000, "가")
    (entry_id, _) = write(("llm", unicodedata.normalize("NFD", text)), ("llm", text.replace("각각각각", "각각각")))
    (page,) = await walk(engine, sid, text=needle)
    assert [entry.id for entry in page.entries] == [entry_id]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_that_end_early_leave_nothing_out_and_double_nothing(
    engine: Engine, sid: str, write: Write, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    monkeypatch.setattr(engine_history, "SCANNED_BYTES", 100_000)
    ids = write(*[("A", "hay" * number) for number in range(1_000)], ("B", "needle"), *[("A", "x")] * 600)
    ids += write(*[("B", "needle")] * 3)
    needles = [ids[1_000], *ids[-3:]]
    pages = await walk(engine, sid, text="needle", newest_first=newest_first)
    assert len(pages) > 3
    found = [entry.id for page in pages for entry in page.entries]
    assert found == (needles[::-1] if newest_first else needles)


async def test_a_page_that_takes_too_long_ends_with_what_it_has(
    engine: Engine, sid: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_history, "SECONDS", 0.0)
    ids = write(*[("A", "x")] * 1_000)
    pages = await walk(engine, sid, text="x", limit=1_000)
    assert len(pages) > 2
    assert [entry.id for page in pages for entry in page.entries] == ids


@pytest.mark.parametrize("newest_first", [False, True])
async def test_additional_fields_count_as_well(
    engine: Engine, store: "redis.Redis", sid: str, newest_first: bool
) -> None:
    size = 2**20
    for _ in range(40):
        store.xadd(keys.stream(sid), {"participant": "A", "body": "{}", "more": "x" * size})
    first, *others = await walk(engine, sid, newest_first=newest_first)
    assert first.next is not None
    assert others[-1].next is None


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_range_is_bounded_in_bytes(
    engine: Engine, store: "redis.Redis", sid: str, write: Write, newest_first: bool
) -> None:
    write(*[("A", "small")] * 30)
    for _ in range(30):
        store.xadd(keys.stream(sid), {"participant": "A", "body": "x" * 2**20})
    write(*[("A", "small")] * 30)
    expected, seen = store.xlen(keys.stream(sid)), []
    after, before = BEGINNING, None
    while True:
        batch = await engine.stream.read_range(sid, after, before, count=100, size=2**18, newest_first=newest_first)
        assert batch.size <= 11 * 2**20
        seen += batch.entries
        if not batch.more:
            break
        after, before = (after, seen[-1].id) if newest_first else (seen[-1].id, before)
    oldest_first = seen[::-1] if newest_first else seen
    assert [entry.prev for entry in oldest_first] == [BEGINNING, *(entry.id for entry in oldest_first[:-1])]
    assert len(seen) == expected


async def test_the_highest_id_is_reached_and_nothing_is_looked_for_behind_it(
    engine: Engine, sid: str, write: Write
) -> None:
    last = "18446744073709551615-18446744073709551615"
    ids = write(*[("A", "x")] * 3, ids=["0-1", "18446744073709551615-1", last])
    for newest_first in (False, True):
        (page,) = await walk(engine, sid, newest_first=newest_first)
        assert [entry.id for entry in page.entries] == (ids[::-1] if newest_first else ids)
        (page,) = await walk(engine, sid, newest_first=newest_first, after=last)
        assert page.entries == []
        (page,) = await walk(engine, sid, newest_first=newest_first, before=last, after=ids[0])
        assert [entry.id for entry in page.entries] == ids[1:2]


async def test_participants_are_counted_though_some_entries_have_none_or_two(
    engine: Engine, store: "redis.Redis", sid: str, write: Write
) -> None:
    write(("A", "x"))
    store.xadd(keys.stream(sid), {"something": "else"})
    store.execute_command("XADD", keys.stream(sid), "*", "participant", "B", "participant", "C")
    assert await engine.participants.counts(sid) == {"A": 1, "B": 1}
    runs = []
    for _ in range(5):  # other processes on this store run a script now and then
        before = scripts_run(store)
        assert await engine.participants.counts(sid) == {"A": 1, "B": 1}
        runs.append(scripts_run(store) - before)
    assert min(runs) == 1


def test_a_search_ends_when_its_client_disconnects(
    own_server: Web, own_store: processes.Store, own_client: "redis.Redis", sid: str
) -> None:
    write_messages(own_client, sid, *[("A", "x" * LONG)] * ENOUGH)
    history(own_server, sid, q="needle")  # also counts the participants
    before = scripts_run(own_client)
    history(own_server, sid, q="needle")
    a_whole_search = scripts_run(own_client) - before
    before = scripts_run(own_client)
    host, _, port = own_server.address.partition(":")
    with socket.create_connection((host, int(port)), WITHIN) as leaving:
        request = f"GET /api/chat/history/{sid}?q=needle HTTP/1.1\r\nHost: {own_server.address}\r\n\r\n"
        leaving.sendall(request.encode())
        while scripts_run(own_client) == before:
            pass
    # Searches take turns: when this one is through, so would be the one that began before it.
    history(own_server, sid, q="needle")
    assert scripts_run(own_client) - before < 2 * a_whole_search
