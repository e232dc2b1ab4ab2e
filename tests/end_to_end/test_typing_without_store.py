"""Typing pauses while the store is away: nobody is told of an error, nothing waits for it, and it comes back."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.client import WITHIN, Client
from tests.conftest import Connect


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[processes.Store]:
    with processes.valkey(tmp_path / "valkey") as store:
        yield store


@pytest.fixture
def web(own_store: processes.Store, django_db_setup: None) -> Iterator[processes.Web]:
    with processes.web(DOQCHAT_REDIS_URL=own_store.url) as web:
        yield web


async def answered(client: Client) -> list[str]:
    """What a client is sent until the next ping is answered."""
    await client.send("ping")
    return [frame["hd"]["event"] for frame in await client.recv_until("pong")]


@pytest.mark.slow
async def test_typing_waits_for_no_store_and_comes_back_with_it(
    own_store: processes.Store, web: processes.Web, connect: Connect, sid: str
) -> None:
    writer, reader = await connect(web, sid, v1=True), await connect(web, sid, v1=True)
    await writer.say("hi", msg_id="m1")
    said = (await writer.recv_event("chat.ack"))["bd"]["id"]
    own_store.process.send_signal(signal.SIGSTOP)
    await writer.send("chat.typing", {"active": True})
    assert "error" not in await answered(writer)
    own_store.process.kill()
    await writer.send("chat.typing", {"active": True})
    assert "error" not in await answered(writer)
    await writer.send("chat.read", {"id": said})
    assert (await writer.recv_event("error"))["bd"]["code"] == "unavailable"
    assert "Traceback" not in web.process.output
    with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
        heard = asyncio.create_task(reader.recv_event("chat.typing"))
        async with asyncio.timeout(WITHIN):
            while not heard.done():
                await writer.send("chat.typing", {"active": True})
                await asyncio.wait([heard], timeout=0.5)
        assert (await heard)["bd"] == {"active": True}
