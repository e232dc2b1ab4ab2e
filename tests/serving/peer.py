"""A peer that writes bytes to a web process as it likes, whatever the protocol says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.client import WITHIN
from tests.processes import Web

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
UPGRADE = (
    "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """A frame as a client sends it; its mask is zero."""
    first = (0x80 if fin else 0) | reserved | opcode
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65536:
        head = bytes([first, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


class Peer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Write; a connection that the server has closed takes it too."""
        self.writer.write(data)
        async with asyncio.timeout(WITHIN):
            await self.writer.drain()

    async def open(self, path: str = "/echo") -> None:
        """Open the WebSocket."""
        await self.send(f"GET {path} HTTP/1.1\r\n{UPGRADE}\r\n".encode())
        assert await self.status() == 101

    async def status(self) -> int:
        """The status of the next response; its head is read."""
        async with asyncio.timeout(WITHIN):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1])

    async def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and payload."""
        async with asyncio.timeout(WITHIN):
            first, size = await self.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0xF, await self.reader.readexactly(size)

    async def frames(self) -> list[tuple[int, bytes]]:
        """All frames until the server closes."""
        received = []
        with suppress(asyncio.IncompleteReadError):
            while True:
                received.append(await self.frame())
        return received

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.read()


@asynccontextmanager
async def peer(web: Web, limit: int = 1024 * 1024) -> AsyncIterator[Peer]:
    """A connection to a web process; `limit` is how many bytes are read ahead."""
    host, _, port = web.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=limit)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
