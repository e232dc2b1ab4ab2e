"""A connection that costs its attacker next to nothing: of what comes in only the beginning and the end are kept."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self, cast

from tests.attack.attacks.attack import Ended, Target
from tests.attack.attacks.wire import handshake

KEPT = 256
"""Bytes kept of the beginning and of the end of what the server says; a close frame has at most 127."""

TINY_BUFFER = 4096
CLOSE = 0x88


class Peer(asyncio.Protocol):
    """One TCP connection to the target.

    Attributes:
        head, tail: the beginning and the end of what the server has said.
        over: whether the connection has ended, or the server has sent a close frame.
    """

    def __init__(self) -> None:
        self.head = self.tail = b""
        self.over = False
        self._spoken, self._ended, self._writable = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._writable.set()

    @classmethod
    @asynccontextmanager
    async def connected(cls, target: Target, receive_buffer: int | None = None) -> AsyncIterator[Self]:
        """A connection to the end of the block; with a tiny `receive_buffer` (bytes) for one that will not read."""
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        connection.setblocking(False)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            connection.bind((target.source, 0))
            await loop.sock_connect(connection, (target.host, target.port))
            transport, peer = await loop.create_connection(cls, sock=connection)
        except BaseException:
            connection.close()
            raise
        try:
            yield peer
        finally:
            cast(asyncio.Transport, transport).abort()

    @classmethod
    @asynccontextmanager
    async def joined(cls, target: Target, sid: str, query: str = "", unread: bool = False) -> AsyncIterator[Self]:
        """A WebSocket in a session; with `unread` nothing more is read once it is open.

        Raises Ended when the server does not open it.
        """
        async with cls.connected(target, TINY_BUFFER if unread else None) as peer:
            await peer.send(handshake(target, f"sid={sid}{query}"))
            if await peer.response() != "open":
                raise Ended(peer.answer)
            if unread:
                peer.stop_reading()
            yield peer

    @property
    def answer(self) -> str:
        """How the server has answered so far: a status, a close code, an end without either, or nothing yet."""
        if (code := close_code(self.tail)) is not None:
            return f"closed {code}"
        if not self.head.startswith(b"HTTP/1.1 "):
            return "connection ended" if self.over else "no answer"
        status = self.head[9:12].decode(errors="replace")
        if status != "101":
            return status
        return "connection ended" if self.over else "open"

    async def send(self, data: bytes) -> None:
        """Write the bytes; waits while the server does not take earlier ones. Raises Ended after the end."""
        if not self._writable.is_set():
            await self._writable.wait()
        if self._transport.is_closing():
            raise Ended(self.answer)
        self._transport.write(data)

    async def repeat(self, data: bytes, times: int, pause: float) -> str:
        """Write the same bytes some times, with pauses (seconds), until the server ends it; how it has answered."""
        with suppress(Ended):
            for _ in range(times):
                if self.over:
                    break
                await self.send(data)
                await asyncio.sleep(pause)
        return self.answer

    async def response(self, within: float | None = None) -> str:
        """Wait for the first bytes of the server or for the end, at most `within` seconds; how it has answered."""
        return await self._wait(self._spoken, within)

    async def end(self, within: float | None = None) -> str:
        """Wait until the server ends it, at most `within` seconds; how it has answered."""
        return await self._wait(self._ended, within)

    async def _wait(self, event: asyncio.Event, within: float | None) -> str:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await event.wait()
        return self.answer

    def stop_reading(self) -> None:
        """From now on nothing is read."""
        self._transport.pause_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if len(self.head) < KEPT:
            self.head += data[:KEPT]
        self.tail = data[-KEPT:] if len(data) >= KEPT else (self.tail + data)[-KEPT:]
        self._spoken.set()
        if close_code(self.tail) is not None:
            self._end()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()
        self._spoken.set()
        self._writable.set()

    def _end(self) -> None:
        self.over = True
        self._ended.set()


def close_code(tail: bytes) -> int | None:
    """The code of the close frame that the bytes of an unmasked WebSocket end with, or None."""
    place = tail.find(CLOSE)
    while 0 <= place <= len(tail) - 4:
        code: int = struct.unpack_from(">H", tail, place + 2)[0]
        if tail[place + 1] == len(tail) - place - 2 and 1000 <= code < 5000:
            return code
        place = tail.find(CLOSE, place + 1)
    return None
