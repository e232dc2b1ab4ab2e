"""Requests to the demo model in stores without workers."""

from typing import Any

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.submission import submit
from tests.fanout.socket import Socket

DEMO = "demo"


async def ask(engine: Engine, sid: str) -> str:
    """Send a request and return the id of its reply."""
    frame = from_data({"hd": {"event": "llm.request"}, "bd": {"prompt": "안녕", "llm": DEMO}})
    return f"r{(await submit(engine, open_access(sid), frame)).id}"


async def end_of(socket: Socket, *names: str) -> Any:
    """Wait for the first frame of one of these events."""
    while (frame := await socket.frame())["hd"]["event"] not in names:
        pass
    return frame
