"""The consumer between the web server and the engine, where the moment at which something happens decides."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from chat.socket import consumer as consumers
from chat.socket.consumer import ChatConsumer
from doqchat.engine import Engine
from doqchat.fanout.member import OUTBOX_BYTES, TOO_SLOW
from tests.fanout.conftest import BODY
from tests.fanout.socket import WITHIN


async def test_a_client_dropped_before_the_accept_gets_the_reason(
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

    monkeypatch.setattr(engine.presence, "add", never_answer)
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


@pytest.mark.parametrize(
    "frame", ["{", '{"hd": {"event": "ping"}}', '{"hd": {"event": "chat.typing"}, "bd": {"active": true}}']
)
async def test_frames_that_come_at_once_are_handled_one_in_each_turn(engine: Engine, sid: str, frame: str) -> None:
    frames = 40
    handled, seen = 0, []
    events = asyncio.Queue[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        nonlocal handled
        event = await events.get()
        handled += event["type"] == "websocket.receive"
        return event

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            for _ in range(frames):
                events.put_nowait({"type": "websocket.receive", "text": frame})

    async def watch_every_turn() -> None:
        while handled < frames:
            seen.append(handled)
            await asyncio.sleep(0)

    events.put_nowait({"type": "websocket.connect"})
    scope = {"type": "websocket", "query_string": f"sid={sid}".encode(), "headers": []}
    connection = asyncio.create_task(ChatConsumer()(scope, receive, send))
    async with asyncio.timeout(WITHIN):
        await watch_every_turn()
        events.put_nowait({"type": "websocket.disconnect"})
        await connection
    turns = [*seen, frames]
    assert max(after - before for before, after in pairwise(turns)) <= 1


async def test_our_own_timeout_is_not_taken_for_a_disconnected_client(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, engine: Engine, sid: str
) -> None:
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def take_too_long(sid: str, connections: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(engine.presence, "add", take_too_long)
    scope = {"type": "websocket", "query_string": f"sid={sid}".encode(), "headers": []}
    await ChatConsumer()(scope, receive, send)
    assert [(record.name, record.levelname) for record in caplog.records] == [(consumers.__name__, "ERROR")]
    assert sent[-1] == {"type": "websocket.close", "code": 1011}


@pytest.mark.parametrize("problem", [ConnectionResetError, OSError])
@pytest.mark.parametrize("at", ["websocket.accept", "websocket.close"])
async def test_a_client_that_goes_while_it_is_written_to_is_no_failure(
    caplog: pytest.LogCaptureFixture, engine: Engine, at: str, problem: type[OSError]
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == at:
            raise problem

    scope = {"type": "websocket", "query_string": b"sid=not%20valid", "headers": []}
    await ChatConsumer()(scope, receive, send)
    assert caplog.records == []
