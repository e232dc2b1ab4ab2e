"""Sessions distributed over several stores: each is on exactly one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.test import override_settings

from doqchat.engine import Engine
from doqchat.fanout.hub import REPLAYS_AT_ONCE
from doqchat.store import keys
from doqchat.store.reader import Entry
from tests import processes
from tests.fanout.conftest import BODY, joined
from tests.hints import posted, queued

SESSIONS = 12


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[dict[str, "redis.Redis"]]:
    """Clients of two stores by their URLs."""
    with ExitStack() as stack:
        urls = [stack.enter_context(processes.valkey(tmp_path / name)).url for name in ("first", "second")]
        yield {url: stack.enter_context(closing(redis.Redis.from_url(url, decode_responses=True))) for url in urls}


@pytest.fixture
async def sharded(clients: dict[str, "redis.Redis"]) -> AsyncIterator[Engine]:
    """An engine on both stores."""
    with override_settings(DOQCHAT={"STORE_URLS": list(clients)}, CHANNEL_LAYERS=settings.CHANNEL_LAYERS):
        engine = Engine()
        yield engine
        await engine.close()


async def test_a_session_is_stored_and_published_on_its_own_store(
    sharded: Engine, clients: dict[str, "redis.Redis"], sid: str
) -> None:
    sids = [f"{sid}-{number}" for number in range(SESSIONS)]
    for each in sids:
        async with joined(sharded, each) as socket:
            appended = await sharded.stream.append(each, "A", BODY, ask="demo")
            assert (await socket.frame())["hd"]["id"] == appended.id
    await posted(*sharded.shards)
    held = [set(client.scan_iter("chat:session:*")) for client in clients.values()]
    assert held[0] | held[1] == {keys.stream(each) for each in sids}
    assert all(held)
    assert not held[0] & held[1]
    for client, streams in zip(clients.values(), held, strict=True):
        assert {keys.stream(each) for each, _ in queued(client, "demo")} == streams


async def test_replays_from_an_unresponsive_store_do_not_block_those_from_others(
    monkeypatch: pytest.MonkeyPatch, sharded: Engine, clients: dict[str, "redis.Redis"], sid: str
) -> None:
    of_server = {sharded.stream.server(each): each for each in (f"{sid}-{number}" for number in range(SESSIONS))}
    (dead, well), read = of_server.values(), sharded.stream.read
    said = (await sharded.stream.append(well, "A", BODY)).id
    await sharded.stream.append(dead, "A", BODY)

    async def read_from_one(sid: str, after: str, count: int) -> list[Entry]:
        if sid == dead:
            await asyncio.Event().wait()
        return await read(sid, after=after, count=count)

    monkeypatch.setattr(sharded.stream, "read", read_from_one)
    async with AsyncExitStack() as stack:
        for _ in range(2 * REPLAYS_AT_ONCE):
            await stack.enter_async_context(joined(sharded, dead, "0-0"))
        socket = await stack.enter_async_context(joined(sharded, well, "0-0"))
        assert (await socket.frame())["hd"]["id"] == said


async def test_sessions_of_all_stores_are_listed(sharded: Engine, clients: dict[str, "redis.Redis"], sid: str) -> None:
    sids = {f"{sid}-{number}" for number in range(SESSIONS)}
    await sharded.session_index.touch(sids)
    assert set(await sharded.session_index.active_since(0)) == sids
    assert all(client.zcard(keys.SESSIONS) for client in clients.values())
