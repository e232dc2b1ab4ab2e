"""While the store is away sends are refused, connections stay, and all goes on by itself when it is back."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError

from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes
from tests.chat.fetch import Answer, fetch
from tests.client import WITHIN, Client
from tests.conftest import Connect
from tests.ports import free_port
from tests.proxy import Proxy

pytestmark = pytest.mark.slow

either_server = pytest.mark.parametrize("kind", ["uvicorn", "daphne"])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[processes.Store]:
    """A store of the test's own; a test that kills it may start it again in the same place."""
    with processes.valkey(tmp_path / "valkey", free_port()) as store:
        yield store


@contextmanager
def frozen(store: processes.Store) -> Iterator[None]:
    """The store takes connections and bytes, and does nothing, to the end of the block."""
    store.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        store.process.send_signal(signal.SIGCONT)


async def say(client: Client, text: str, msg_id: str) -> str:
    """Send a message; `stored`, or the code of its refusal."""
    await client.say(text, msg_id=msg_id)
    answer = await client.recv_event("chat.ack", "error")
    assert answer["bd"]["msg_id"] == msg_id
    return "stored" if answer["hd"]["event"] == "chat.ack" else str(answer["bd"]["code"])


async def say_until_stored(client: Client, text: str, msg_id: str) -> None:
    async with asyncio.timeout(WITHIN):
        while (outcome := await say(client, text, msg_id)) != "stored":
            assert outcome == "unavailable"


async def ephemeral_frames_do_no_harm(client: Client, entry_id: str) -> None:
    """What is not stored is passed over, or refused as what it is; the connection goes on."""
    await client.send("chat.typing", {"active": True})
    await client.send("chat.read", {"id": entry_id}, msg_id="read")
    await client.send("ping")
    errors = [frame["bd"] for frame in await client.recv_until("pong") if frame["hd"]["event"] == "error"]
    assert {(error["code"], error.get("msg_id", "read")) for error in errors} <= {("unavailable", "read")}


async def is_turned_away(connect: Connect, web: processes.Web, sid: str) -> None:
    late = await connect(web, sid)
    assert (await late.recv())["bd"]["code"] == "unavailable"
    assert await late.close_code() == 1013


async def rejoin(connect: Connect, web: processes.Web, sid: str) -> Client:
    """A connection that is welcomed and gets all messages: right after an outage the process may refuse some."""
    async with asyncio.timeout(WITHIN):
        while True:
            client = await connect(web, sid, v1=True, since="0")
            if (await client.recv())["hd"]["event"] == "session.welcome":
                return client


async def typing_arrives(writer: Client, reader: Client) -> None:
    """Returns when the reader sees the writer type; what is lost while the process comes back to the store is lost."""
    async with asyncio.timeout(WITHIN):
        seen = asyncio.create_task(reader.recv_event("chat.typing"))
        while not seen.done():
            await writer.send("chat.typing", {"active": True})
            await asyncio.wait([seen], timeout=0.5)
        await seen


async def is_one_run(client: Client, texts: list[str]) -> None:
    """The next stored events say this, and each follows the one before it."""
    frames = [await client.recv_event("chat.message") for _ in texts]
    assert [frame["bd"]["text"] for frame in frames] == texts
    assert [frame["hd"]["prev"] for frame in frames[1:]] == [frame["hd"]["id"] for frame in frames[:-1]]


def post(web: processes.Web, sid: str, text: str) -> Answer:
    envelope = {"hd": {"event": "chat.message", "msg_id": text}, "bd": {"text": text}}
    path, json_type = f"/api/chat/sessions/{sid}/messages", {"Content-Type": "application/json"}
    return fetch(web, path, "POST", json_type, json.dumps(envelope).encode())


async def post_until_stored(web: processes.Web, sid: str, text: str) -> None:
    async with asyncio.timeout(WITHIN):
        while (answer := await asyncio.to_thread(post, web, sid, text)).status not in (200, 201):
            assert answer.json["error"]["code"] == "unavailable"


@either_server
async def test_a_store_that_dies_and_comes_back_costs_nothing_that_was_acknowledged(
    kind: str, store: processes.Store, connect: Connect, django_db_setup: None, sid: str
) -> None:
    with processes.web(kind, DOQCHAT_REDIS_URL=store.url) as web:
        writer, reader = await connect(web, sid, v1=True, role="A"), await connect(web, sid, v1=True, role="B")
        assert await say(writer, "before", "m1") == "stored"
        before = await reader.recv_event("chat.message")
        store.process.kill()
        assert await say(writer, "refused", "m2") == "unavailable"
        await ephemeral_frames_do_no_harm(writer, before["hd"]["id"])
        await is_turned_away(connect, web, sid)
        with processes.valkey(store.directory, processes.port_of(store.url)):
            elsewhere = Shards([store.url])
            stream = SessionStream(elsewhere)
            texts = [f"said elsewhere {number}" for number in range(20)]
            for text in texts:
                envelope = {"hd": {"event": "chat.message"}, "bd": {"text": text}}
                await stream.append(sid, "B", json.dumps(envelope))
            await elsewhere.close()
            await is_one_run(reader, texts)
            await say_until_stored(writer, "after", "m3")
            await is_one_run(reader, ["after"])
            await typing_arrives(writer, reader)


@either_server
async def test_while_the_store_is_frozen_sends_are_refused_and_never_stored(
    kind: str, store: processes.Store, connect: Connect, django_db_setup: None, sid: str
) -> None:
    with processes.web(kind, DOQCHAT_REDIS_URL=store.url) as web:
        writer, reader = await connect(web, sid, v1=True, role="A"), await connect(web, sid, v1=True, role="B")
        assert await say(writer, "before", "m1") == "stored"
        before = await reader.recv_event("chat.message")
        with frozen(store):
            await is_turned_away(connect, web, sid)
            assert await say(writer, "refused", "m2") == "unavailable"
            await ephemeral_frames_do_no_harm(writer, before["hd"]["id"])
            assert await say(writer, "refused again", "m3") == "unavailable"
        await say_until_stored(writer, "after", "m4")
        await is_one_run(reader, ["after"])
        await typing_arrives(writer, reader)


@either_server
async def test_an_unknown_outcome_gets_no_answer(
    kind: str, store: processes.Store, connect: Connect, django_db_setup: None, sid: str
) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.end_to_end.impatient"}
    async with Proxy(f"127.0.0.1:{processes.port_of(store.url)}").serving() as proxy:
        with processes.web(kind, **settings, DOQCHAT_REDIS_URL=f"redis://{proxy.address}/0") as web:
            sender = await connect(web, sid, v1=True)
            assert await say(sender, "before", "m1") == "stored"
            with frozen(store):
                await sender.say("in flight", msg_id="m2")
                with pytest.raises(ConnectionClosedError) as closed:
                    await sender.recv_event("chat.ack", "error")
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1013
                assert (await asyncio.to_thread(post, web, sid, "not sent")).status == 503
            sender = await rejoin(connect, web, sid)
            await say_until_stored(sender, "in flight", "m2")
            proxy.holding = b"posted"
            unknown = await asyncio.to_thread(post, web, sid, "posted")
            assert (unknown.status, unknown.json["error"]["code"]) == (504, "internal")
            proxy.release()
            await post_until_stored(web, sid, "posted")
            await is_one_run(await rejoin(connect, web, sid), ["before", "in flight", "posted"])
