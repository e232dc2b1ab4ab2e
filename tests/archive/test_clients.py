"""Clients cannot tell whether a session is in the store. Real processes."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
import redis
from doqchat_client import Message, Session
from doqchat_client import connect as join

from tests import processes
from tests.archive.test_leaving_the_store import keys_of
from tests.chat.fetch import fetch
from tests.client import WITHIN
from tests.conftest import Connect

LENGTH = 40


@dataclass
class Site:
    """A web process on each server, a worker that archives, and the store."""

    web: processes.Web
    other: processes.Web
    store: "redis.Redis"

    async def has_left(self, sid: str) -> None:
        """Returns when the session has no keys in the store."""
        async with asyncio.timeout(WITHIN):
            while keys_of(self.store, sid):  # noqa: ASYNC110 - the store does not report this
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("clients")
    with ExitStack() as running:
        store = running.enter_context(processes.valkey(folder / "valkey"))
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.archive.quick",
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DOQCHAT_REDIS_URL": store.url,
        }
        processes.migrate(variables)
        web = running.enter_context(processes.web("uvicorn", **variables))
        other = running.enter_context(processes.web("daphne", **variables))
        running.enter_context(processes.llm_worker(store.url, **variables))
        client = running.enter_context(closing(redis.Redis.from_url(store.url, decode_responses=True)))
        yield Site(web, other, client)


async def next_message(session: Session) -> Message:
    """The next message; other events are skipped."""
    async for event in session:
        if isinstance(event, Message):
            return event
    raise AssertionError("The session has ended.")


@pytest.mark.slow
async def test_a_client_that_comes_back_misses_nothing_though_its_session_has_left(site: Site, sid: str) -> None:
    async with join(site.web.ws, sid, role="A") as session:
        for number in range(LENGTH):
            await session.send(f"message {number}")
        await session.ask("llm")
    texts = [f"message {number}" for number in range(LENGTH)]
    await site.has_left(sid)

    for web in (site.web, site.other):
        async with join(web.ws, sid, role="B", since="0") as session:
            seen = [await next_message(session) for _ in range(LENGTH)]
            assert [event.text for event in seen] == texts
            assert [event.prev for event in seen] == ["0-0", *(event.id for event in seen[:-1])]
        async with join(web.ws, sid, role="B", since=seen[24].id) as session:
            assert (await next_message(session)).text == texts[25]
        await site.has_left(sid)


@pytest.mark.slow
async def test_settings_and_history_are_read_while_a_session_is_away(site: Site, connect: Connect, sid: str) -> None:
    client = await connect(site.web, sid, v1=True, role="A")
    await client.say("hello", msg_id="m1")
    await client.recv_event("chat.ack")
    path, header = f"/api/chat/sessions/{sid}", {"Content-Type": "application/json"}
    changed = await asyncio.to_thread(fetch, site.web, path, "PATCH", header, json.dumps({"title": "상담"}).encode())
    assert changed.status == 200
    await client.connection.close()
    await site.has_left(sid)

    history = await asyncio.to_thread(fetch, site.web, f"/api/chat/history/{sid}")
    assert [each["bd"]["text"] for each in history.json["messages"]] == ["hello"]
    await site.has_left(sid)
    assert (await asyncio.to_thread(fetch, site.web, path)).json["settings"]["title"] == "상담"
    await site.has_left(sid)
    again = await connect(site.other, sid, v1=True, role="A", since="0")
    welcome = await again.recv()
    assert (welcome["bd"]["settings"]["title"], welcome["bd"]["gap"]) == ("상담", None)
    await again.say("hello", msg_id="m1")
    assert (await again.recv_event("chat.ack"))["bd"]["duplicate"]
