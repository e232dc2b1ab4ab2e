"""A small ASGI application whose connections behave in the ways that the servers are tested for."""

import asyncio
import json
import os
from typing import Any

PIECE = "x" * 65536
PIECES = 1024
STUCK_AFTER = 1.0

floods: list[dict[str, Any]] = []
heard: list[str] = []
listening = asyncio.Event()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        if scope["path"] == "/listen":
            listening.set()
        elif scope["path"] == "/read":
            while (await receive()).get("more_body"):
                pass
        await answer(send)
        return
    await receive()
    if scope["path"] == "/undecided":
        floods.append({"undecided": True})
        await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/flood":
        await flood(send)
    elif scope["path"] == "/flood-and-close":
        await flood(send)
        await send({"type": "websocket.close", "code": 4413})
        floods[-1]["closed"] = True
        await receive()
    elif scope["path"] == "/heard":
        await hear(receive, send)
    elif scope["path"] == "/listen":
        await listening.wait()
        await count(receive, send)
    else:
        await echo(receive, send)


async def answer(send: Any) -> None:
    """Name the process that answers, and tell what became of the floods so far."""
    body = {"pid": os.getpid(), "floods": floods}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def echo(receive: Any, send: Any) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})


async def hear(receive: Any, send: Any) -> None:
    """Keep what is said; say to "what" what was said last."""
    while (event := await receive())["type"] == "websocket.receive":
        if event["text"] == "what":
            await send({"type": "websocket.send", "text": heard[-1]})
        heard.append(event["text"])


async def count(receive: Any, send: Any) -> None:
    """Say after "end" how many characters came before it."""
    characters = 0
    while (event := await receive())["type"] == "websocket.receive":
        if event["text"] == "end":
            await send({"type": "websocket.send", "text": str(characters)})
        characters += len(event["text"])


async def flood(send: Any) -> None:
    """Send 64 MiB, or less when `send` comes to wait."""
    state = {"pieces": 0, "stuck": False, "closed": False}
    floods.append(state)
    try:
        while state["pieces"] < PIECES:
            await asyncio.wait_for(send({"type": "websocket.send", "text": PIECE}), STUCK_AFTER)
            state["pieces"] += 1
    except TimeoutError:
        state["stuck"] = True
