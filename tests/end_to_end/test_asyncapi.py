"""What the server sends is as its AsyncAPI document says."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from doqchat.access.principal import Principal
from doqchat.engine import Engine
from doqchat.moderation import Moderator
from doqchat.submission import configure
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


async def moderate(moderator: Moderator, a: Client, said: list[Frame]) -> list[Frame]:
    """All frames of a session that is moderated: removals, changed settings, a mute, and its end."""
    stored = [frame["hd"]["id"] for frame in said if "id" in frame["hd"]]
    for entry_id in dict.fromkeys(stored):
        await moderator.remove(entry_id, "private")
    await moderator.mute("A", 60, "a pause")
    await configure(moderator.engine, moderator.principal, {"policy": "always", "system": "a secret"})
    await a.send("session.sync", {"since": "0"})
    heard = await a.recv_until("session.welcome")
    heard += await a.recv_until("session.notice")
    await moderator.close()
    return heard + await a.recv_until("session.closed") + [await a.recv_event("error")]


@pytest.mark.slow
async def test_what_the_server_sends_is_as_the_document_says(
    server: Web, worker: Process, connect: Connect, engine: Engine, sid: str
) -> None:
    document: Any = fetch(server, "/api/chat/asyncapi.json").json
    a, b = [await connect(server, sid, v1=True, role=role) for role in ("A", "B")]
    frames = await converse(a, b)
    moderator = Moderator(engine, Principal(sid, "observer", frozenset({"moderate", "configure"}), "Sora"))
    frames += await moderate(moderator, a, frames)
    assert any(frame["hd"].get("removed") for frame in frames)
    for frame in frames:
        message = document["components"]["messages"][f"server.{frame['hd']['event']}"]
        Draft202012Validator({**message["payload"], "components": document["components"]}).validate(frame)
    described = {key.removeprefix("server.") for key in document["components"]["messages"] if key.startswith("server.")}
    assert {frame["hd"]["event"] for frame in frames} == described - {
        "llm.error",
        "auth.expiring",
        "auth.refreshed",
    }
