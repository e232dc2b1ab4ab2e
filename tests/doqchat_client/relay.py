"""A WebSocket relay before a server: it loses frames, adds some, refuses connections, closes them with any code."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import Request, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class Relay:
    """Passes frames on both ways.

    Attributes:
        loses: which of the server's frames never reach the client.
        answers: what a client's frame gets from the relay itself, and does not go on to the server; None passes it on.
        refuses: the `error` and the close code that new connections get; None lets them through.
        requests: the opening handshakes so far.
        heard: the names of the events that clients have sent so far.
    """

    def __init__(self, target: str) -> None:
        self.loses: Callable[[dict[str, Any]], bool] = lambda frame: False
        self.answers: Callable[[dict[str, Any]], list[dict[str, Any]] | None] = lambda frame: None
        self.refuses: tuple[dict[str, Any], int] | None = None
        self.requests: list[Request] = []
        self.heard: list[str] = []
        self.ws = ""
        self._target = target
        self._connections: set[ServerConnection] = set()

    async def close(self, code: int) -> None:
        """Close the connections that are open with this code."""
        await asyncio.gather(*(connection.close(code) for connection in list(self._connections)))

    async def say(self, frame: dict[str, Any]) -> None:
        """Send the clients that are connected a frame that no server has sent."""
        await asyncio.gather(*(connection.send(json.dumps(frame)) for connection in list(self._connections)))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Relay"]:
        """Listens on a free port, at `ws`, to the end of the block."""
        async with serve(self._connected, "127.0.0.1", 0, subprotocols=["doqchat.v1"], compression=None) as server:
            self.ws = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield self

    async def _connected(self, client: ServerConnection) -> None:
        assert client.request is not None
        self.requests.append(client.request)
        if self.refuses is not None:
            bd, code = self.refuses
            await client.send(json.dumps({"hd": {"event": "error", "sid": ""}, "bd": bd}))
            await client.close(code)
            return
        self._connections.add(client)
        try:
            async with connect(
                self._target + client.request.path, subprotocols=["doqchat.v1"], compression=None, proxy=None
            ) as server:
                up = asyncio.create_task(self._up(client, server))
                with suppress(ConnectionClosed):
                    async for text in server:
                        if not self.loses(json.loads(text)):
                            await client.send(text)
                up.cancel()
        finally:
            self._connections.discard(client)

    async def _up(self, client: ServerConnection, server: Any) -> None:
        with suppress(ConnectionClosed):
            async for text in client:
                frame = json.loads(text)
                self.heard.append(frame["hd"]["event"])
                answers = self.answers(frame)
                if answers is None:
                    await server.send(text)
                for answer in answers or []:
                    await client.send(json.dumps(answer))
        await server.close()
