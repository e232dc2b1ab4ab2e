"""Frames that tests send to a page in the server's name, and those that they keep from the server."""

import asyncio
import json
from typing import Any

from tests.page.window import Wire


def piece(**bd: Any) -> str:
    """Of the answer to the request 4-0, as all of these are."""
    hd = {"event": "llm.streaming", "role": "llm"}
    return json.dumps({"hd": hd, "bd": {"reply_id": "r4-0", "request_id": "4-0", **bd}})


def welcome(**reply: Any) -> str:
    """One with a single active answer."""
    known = {"reply_id": "r4-0", "request_id": "4-0", "state": "streaming", **reply}
    can = ["ask", "cancel", "configure", "read", "send"]
    settings = {"policy": "mention", "llm": "default", "title": "", "name_a": "", "name_b": "", "name_llm": ""}
    person = {"name": None, "person": None}
    present = {"members": {"A": 1}, "people": [{"role": "A", "connections": 1} | person], "read": {}} | person
    bd = {"can": can, "last_id": "0-0", **present, "replies": [known], "settings": settings, "gap": None}
    return json.dumps({"hd": {"event": "session.welcome"}, "bd": bd})


def event(name: str, entry_id: str, prev: str = "0-0", **bd: Any) -> str:
    """A stored one of the model."""
    hd = {"event": name, "role": "llm", "id": entry_id, "prev": prev}
    return json.dumps({"hd": hd, "bd": {"reply_id": "r4-0", "request_id": "4-0", **bd}})


def sent(wire: Wire, name: str) -> "asyncio.Queue[Any]":
    """The frames with this event that the page sends from here on; none of them reaches the server."""
    frames: asyncio.Queue[Any] = asyncio.Queue()

    def take(text: str) -> list[str]:
        frame = json.loads(text)
        if frame["hd"]["event"] != name:
            return [text]
        frames.put_nowait(frame)
        return []

    wire.to_server = take
    return frames


def syncs(wire: Wire) -> "asyncio.Queue[Any]":
    """Those in which the page asks for what it has missed."""
    return sent(wire, "session.sync")
