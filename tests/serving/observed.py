"""An ASGI application that says how many of its WebSockets it still serves, and in which order it was sent messages."""

import asyncio
import json
import os
from typing import Any

LARGE = 8 * 2**20

serving: list[str] = []
received: list[str] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await http(scope["path"], receive, send)
        return
    serving.append(scope["path"])
    try:
        await websocket(scope, receive, send)
    finally:
        serving.remove(scope["path"])


async def http(path: str, receive: Any, send: Any) -> None:
    """`/large` gives a large response, everything else the state and the length of the request's body."""
    length, more = 0, True
    while more and (event := await receive())["type"] == "http.request":
        length, more = length + len(event["body"]), event["more_body"]
    if path.startswith("/order"):
        received.append(path)
    state = {"pid": os.getpid(), "serving": serving, "received": received, "length": length}
    body = bytes(LARGE) if path == "/large" else json.dumps(state).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Echo; `/flood` sends without end, `/late` accepts late, and a subprotocol that is offered is chosen."""
    await receive()
    if scope["path"] == "/late":
        await asyncio.sleep(0.5)
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while scope["path"] == "/flood":
        await send({"type": "websocket.send", "text": "x" * 65536})
    while (event := await receive())["type"] == "websocket.receive":
        if scope["path"].startswith("/order"):
            received.append(scope["path"])
        await send({"type": "websocket.send", "text": event["text"]})
