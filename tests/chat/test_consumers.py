"""The consumer between the web server and the engine, where the moment at which something happens decides."""

import asyncio
from typing import Any

import pytest

from chat.consumers import ChatConsumer
from doqchat.engine import Engine
from doqchat.fanout import turns
from doqchat.fanout.member import OUTBOX_BYTES, TOO_SLOW
from tests.fanout.conftest import BODY
from tests.fanout.socket import WITHIN, Socket


async def test_a_client_that_is_dropped_before_it_was_accepted_is_told_why(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, sid: str
) -> None:
    joining, sent = asyncio.Event(), []

    async def never_answer(sid: str, connections: Any) -> None:
        joining.set()
        await asyncio.Event().wait()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    monkeypatch.setattr(engine.presence, "here", never_answer)
    scope = {"type": "websocket", "query_string": f"sid={sid}".encode(), "headers": []}
    connection = asyncio.create_task(ChatConsumer()(scope, receive, send))
    async with asyncio.timeout(WITHIN):
        await joining.wait()
        said = 0
        while said <= OUTBOX_BYTES:
            said += 8_000
            await engine.stream.append(sid, "A", BODY.replace("hi", "x" * 8_000))
        await connection
    assert sent == [
        {"type": "websocket.accept", "subprotocol": None},
        {"type": "websocket.close", "code": TOO_SLOW},
    ]


async def test_a_client_behind_a_crowd_is_not_dropped_for_what_is_said_before_it_has_joined(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, sid: str
) -> None:
    monkeypatch.setattr(turns, "PAUSE_SECONDS", 0.5)
    await engine.hub.enter(sid, Socket().member)  # the next has to pause
    events, sent = asyncio.Queue[dict[str, Any]](), asyncio.Queue[dict[str, Any]]()
    events.put_nowait({"type": "websocket.connect"})
    scope = {"type": "websocket", "query_string": f"sid={sid}".encode(), "headers": []}
    connection = asyncio.create_task(ChatConsumer()(scope, events.get, sent.put))
    async with asyncio.timeout(WITHIN):
        for _ in range(OUTBOX_BYTES // 8_000 + 1):
            await engine.stream.append(sid, "A", BODY.replace("hi", "x" * 8_000))
        assert (await sent.get())["type"] == "websocket.accept"
        await engine.stream.append(sid, "A", BODY.replace("hi", "after"))
        assert "after" in (await sent.get())["text"]
        events.put_nowait({"type": "websocket.disconnect"})
        await connection
