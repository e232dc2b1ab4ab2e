"""What the server sends is as its AsyncAPI document says."""

from typing import Any

from jsonschema import Draft202012Validator

from tests.chat.fetch import fetch
from tests.client import Client, Frame
from tests.conftest import Connect
from tests.processes import Process, Web


async def converse(a: Client, b: Client) -> list[Frame]:
    """All frames of a conversation in which each event is sent once."""
    await b.send("chat.typing", {"active": True}, msg_id="t1")
    await b.say("안녕하세요", msg_id="m1", mine="kept")
    said = await a.recv_until("chat.message")
    await a.send("chat.read", {"id": said[-1]["hd"]["id"]}, msg_id="r1")
    await a.send("llm.request", {"prompt": "Hello?"}, msg_id="q1")
    said += await a.recv_until("llm.response")
    await a.send("llm.cancel", {"reply_id": "r1-0"})
    await a.send("session.sync", {"since": "0"})
    await a.send("ping", {"n": 1})
    return said + await a.recv_until("pong") + await b.recv_until("llm.response")


async def test_what_the_server_sends_is_as_the_document_says(
    server: Web, worker: Process, connect: Connect, sid: str
) -> None:
    document: Any = fetch(server, "/api/chat/asyncapi.json").json
    a, b = [await connect(server, sid, v1=True, role=role) for role in ("A", "B")]
    frames = await converse(a, b)
    for frame in frames:
        message = document["components"]["messages"][f"server.{frame['hd']['event']}"]
        Draft202012Validator({**message["payload"], "components": document["components"]}).validate(frame)
    described = {key.removeprefix("server.") for key in document["components"]["messages"] if key.startswith("server.")}
    assert {frame["hd"]["event"] for frame in frames} == described - {
        "session.notice",
        "llm.error",
        "auth.expiring",
        "auth.refreshed",
    }
