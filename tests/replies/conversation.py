"""Requests to a model, and the frames of its replies."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests import processes
from tests.chat.fetch import fetch
from tests.client import Client, Frame

if TYPE_CHECKING:
    from tests.replies.conftest import Site

ENDS = ("llm.response", "llm.error")
SLOW = "[[pieces=120 pace=0.05]]"  # 6 s
LONG = "[[pieces=600 pace=0.05]]"  # 30 s, for tests that stop it


async def ask(client: Client, prompt: str, **bd: Any) -> Frame:
    """Send an `llm.request` and return the stored request."""
    await client.send("llm.request", {"prompt": prompt, **bd})
    return await client.recv_event("llm.request")


def pieces(frames: Iterable[Frame], attempt: int | None = None) -> list[Any]:
    """The bodies of `llm.streaming` frames, of one attempt or of all."""
    bodies = [frame["bd"] for frame in frames if frame["hd"]["event"] == "llm.streaming"]
    return [body for body in bodies if attempt in (None, body["attempt"])]


def joined(pieces: Iterable[Any], begun: str = "") -> str:
    """The joined text of pieces after `begun`; each piece must begin where the previous one ended."""
    text = begun
    for piece in pieces:
        assert piece["offset"] == len(text)
        text += piece["text"]
    return text


def change(web: processes.Web, sid: str, **settings: Any) -> Any:
    """Change settings of a session and return it."""
    path, body = f"/api/chat/sessions/{sid}", json.dumps(settings).encode()
    answer = fetch(web, path, "PATCH", {"Content-Type": "application/json"}, body)
    assert answer.status == 200, answer.text
    return answer.json


async def end(client: Client) -> Any:
    """The terminal event of the next reply."""
    return (await client.recv_until(*ENDS))[-1]


async def silence(client: Client, site: "Site", sid: str) -> None:
    """Check that no reply comes, runs or is scheduled."""
    await client.send("ping", {})
    frames = await client.recv_until("pong")
    assert {frame["hd"]["event"] for frame in frames} <= {"chat.message", "pong"}
    assert site.store.zscore("llm:due", sid) is None
    assert not site.store.exists(f"{{chat:session:{sid}}}:current")


async def settled(client: Client) -> list[str]:
    """The names of the events before the next pong."""
    await client.send("ping", {})
    return [frame["hd"]["event"] for frame in await client.recv_until("pong")][:-1]
