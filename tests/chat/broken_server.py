"""Servers that do one thing wrong, for the play that has to notice."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

from chat.smoke import SCRIPT

Fault = Literal[
    "none",
    "doubles the first",
    "doubles the last",
    "leaks",
    "swallows",
    "garbles",
    "refuses",
    "hangs up",
    "numbers twice",
]


class BrokenServer:
    """Relays messages within a session, but for its fault."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._sessions: defaultdict[str, list[ServerConnection]] = defaultdict(list)
        self._said = 0

    async def talk(self, connection: ServerConnection) -> None:
        """One client's connection."""
        assert connection.request
        sid = parse_qs(urlsplit(connection.request.path).query)["sid"][0]
        self._sessions[sid].append(connection)
        async for text in connection:
            envelope = json.loads(text)
            if envelope["hd"]["event"] == "ping":
                await connection.send(json.dumps({"hd": {"event": "pong"}, "bd": envelope["bd"]}))
            else:
                await self._say(connection, sid, envelope)

    async def _say(self, sender: ServerConnection, sid: str, envelope: dict[str, dict[str, str]]) -> None:
        self._said += 1
        if self._fault == "refuses":
            envelope = {"hd": {"event": "error"}, "bd": {"code": "rejected", "message": "No such words here."}}
        if self._fault == "hangs up":
            await sender.close(1011)
            return
        if self._fault == "garbles":
            envelope["bd"]["text"] = envelope["bd"]["text"].replace("😊", "?")
        envelope["hd"]["id"] = f"{1 if self._fault == 'numbers twice' else self._said}-0"
        heard_by = self._sessions[sid]
        if self._fault == "leaks":
            heard_by = [one for session in self._sessions.values() for one in session]
        if self._fault == "swallows":
            heard_by = [sender]
        for one in heard_by:
            await one.send(json.dumps(envelope))
            if (self._fault, self._said) in (("doubles the first", 1), ("doubles the last", len(SCRIPT))):
                await one.send(json.dumps(envelope))


@asynccontextmanager
async def broken(fault: Fault) -> AsyncIterator[str]:
    """The address of a server with this fault."""
    async with serve(BrokenServer(fault).talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/session/chat"
