"""A WebSocket client for tests: it says what it is told to, and every wait of it is bounded."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

WITHIN = 15.0

Frame = dict[str, Any]


class Client:
    """One connection to a session."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, event: str, bd: Any = None, **hd: Any) -> None:
        """Send an envelope; without `bd` there is none in it."""
        envelope = {"hd": {"event": event, **hd}} | ({} if bd is None else {"bd": bd})
        await self.send_raw(json.dumps(envelope, ensure_ascii=False))

    async def say(self, text: str, **hd: Any) -> None:
        """Send a `chat.message`."""
        await self.send("chat.message", {"text": text}, **hd)

    async def send_raw(self, data: str | bytes) -> None:
        """Send a frame as it stands, text or binary."""
        async with asyncio.timeout(WITHIN):
            await self.connection.send(data)

    async def recv(self) -> Frame:
        """The next frame, whatever it is."""
        return json.loads(await self.recv_raw())

    async def recv_raw(self) -> str:
        """The next frame's text."""
        async with asyncio.timeout(WITHIN):
            return await self.connection.recv(decode=True)

    async def recv_event(self, *names: str) -> Frame:
        """The next frame of one of these events; others before it are passed over."""
        while (frame := await self.recv())["hd"]["event"] not in names:
            pass
        return frame

    async def recv_until(self, *names: str) -> list[Frame]:
        """All frames up to and including the next of one of these events."""
        frames = [await self.recv()]
        while frames[-1]["hd"]["event"] not in names:
            frames.append(await self.recv())
        return frames

    async def recv_to_the_end(self) -> list[Frame]:
        """All frames until the server closes the connection."""
        frames = []
        with suppress(ConnectionClosed):
            while True:
                frames.append(await self.recv())
        return frames

    async def close(self) -> None:
        """Leave in good order."""
        async with asyncio.timeout(WITHIN):
            await self.connection.close()

    async def close_code(self) -> int | None:
        """The code the server closes with, whatever it sends before."""
        try:
            while True:
                await self.recv_raw()
        except ConnectionClosed:
            return self.connection.close_code
