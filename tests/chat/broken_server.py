"""Servers that do one thing wrong, for the play that has to notice."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from chat.smoke.play import SCRIPT

Fault = Literal[
    "none",
    "doubles the first",
    "doubles the last",
    "stores the last twice",
    "leaks",
    "swallows",
    "garbles",
    "refuses",
    "hangs up",
    "hangs up on all",
    "numbers twice",
    "leaves a hole",
    "welcomes nobody",
    "has no room",
    "acknowledges nothing",
    "acknowledges another",
    "forgets",
    "talks nonsense",
]


class BrokenServer:
    """Keeps messages and relays them within a session, but for its fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._sessions: defaultdict[str, list[ServerConnection]] = defaultdict(list)
        self._kept: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def talk(self, connection: ServerConnection) -> None:
        """One client's connection."""
        assert connection.request
        query = {name: value for name, (value,) in parse_qs(urlsplit(connection.request.path).query).items()}
        self._sessions[query["sid"]].append(connection)
        if self._fault == "has no room":
            await _tell(connection, "error", {"code": "unavailable", "message": "Come back later."})
            await connection.close(1013)
        if connection.subprotocol and self._fault != "welcomes nobody":
            await self._welcome(connection, query["sid"], query.get("since"))
        async for text in connection:
            envelope = json.loads(text)
            if envelope["hd"]["event"] == "ping":
                await _tell(connection, "pong", envelope["bd"])
            else:
                await self._hear(connection, query, envelope["hd"]["msg_id"], envelope["bd"])

    async def _welcome(self, connection: ServerConnection, sid: str, since: str | None) -> None:
        kept = self._kept[sid]
        last = kept[-1]["hd"]["id"] if kept else "0-0"
        await _tell(connection, "session.welcome", {"last_id": last, "replies": [], "gap": None})
        if since is not None and self._fault != "forgets":
            for envelope in kept[[one["hd"]["id"] for one in kept].index(since) + 1 :]:
                await connection.send(json.dumps(envelope))

    async def _hear(self, sender: ServerConnection, query: dict[str, str], msg_id: str, bd: dict[str, Any]) -> None:
        if self._fault == "refuses":
            await _tell(sender, "error", {"code": "rejected", "message": "No such words here.", "msg_id": msg_id})
        elif self._fault == "hangs up":
            await sender.close(1011)
        elif self._fault == "hangs up on all":
            for one in self._sessions[query["sid"]]:
                await one.close(1011)
        else:
            envelope = self._keep(query["sid"], query["role"], bd)
            if self._fault != "acknowledges nothing":
                entry_id = "9-9" if self._fault == "acknowledges another" else envelope["hd"]["id"]
                await _tell(sender, "chat.ack", {"msg_id": msg_id, "id": entry_id, "duplicate": False})
            await self._relay(sender, query["sid"], envelope)
            if self._fault == "stores the last twice" and len(self._kept[query["sid"]]) == len(SCRIPT):
                await self._relay(sender, query["sid"], self._keep(query["sid"], query["role"], bd))

    def _keep(self, sid: str, role: str, bd: dict[str, Any]) -> dict[str, Any]:
        kept = self._kept[sid]
        number = 1 if self._fault == "numbers twice" else len(kept) + 1
        prev = 0 if self._fault == "leaves a hole" else len(kept)
        if self._fault == "garbles":
            bd["text"] = bd["text"].replace("😊", "?")
        kept.append({"hd": {"event": "chat.message", "role": role, "id": f"{number}-0", "prev": f"{prev}-0"}, "bd": bd})
        return kept[-1]

    async def _relay(self, sender: ServerConnection, sid: str, envelope: dict[str, Any]) -> None:
        heard_by = self._sessions[sid]
        if self._fault == "leaks":
            heard_by = [one for session in self._sessions.values() for one in session]
        if self._fault == "swallows":
            heard_by = [sender]
        doubled = {"doubles the first": 1, "doubles the last": len(SCRIPT)}.get(self._fault)
        text = "nonsense" if self._fault == "talks nonsense" else json.dumps(envelope)
        for one in heard_by:
            await one.send(text)
            if doubled == len(self._kept[sid]):
                await one.send(text)


async def _tell(connection: ServerConnection, event: str, bd: dict[str, Any]) -> None:
    await connection.send(json.dumps({"hd": {"event": event}, "bd": bd}))


def _first(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


@asynccontextmanager
async def broken(fault: Fault) -> AsyncIterator[str]:
    """The address of a server with this fault."""
    async with serve(BrokenServer(fault).talk, "127.0.0.1", 0, select_subprotocol=_first) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/session/chat"
