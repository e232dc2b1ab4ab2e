"""A TCP line between a client and a server that can be cut in mid-frame, held, and led elsewhere."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_BUFFER = 64 * 1024


class Line:
    """Passes bytes on both ways.

    Attributes:
        target: `host:port` to which new connections lead.
        cut_within: cut each connection at a random place among its first so many bytes from the server; 0 never.
        passed: bytes that went from the server to clients.
        cuts: how many connections were cut.
        backed_up: set when a client has stopped reading and what the line holds for it is full.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.cut_within = 0
        self.passed = 0
        self.cuts = 0
        self.backed_up = asyncio.Event()
        self.ws = ""
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Keep back what the server says."""
        self._open.clear()

    def release(self) -> None:
        """Let it through again, what was kept back first."""
        self._open.set()

    def cut(self) -> None:
        """Cut all connections now; what was kept back is lost."""
        for writer in self._writers:
            self.cuts += 1
            writer.transport.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Line"]:
        """Listens on a free port, at `ws`, to the end of the block."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.ws = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        writer.transport.set_write_buffer_limits(_BUFFER)
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(host, int(port), limit=_BUFFER)
            ways = [
                asyncio.create_task(self._up(reader, server_writer)),
                asyncio.create_task(self._down(server_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                server_writer.close()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BUFFER):
            writer.write(data)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = random.randrange(1, self.cut_within) if self.cut_within else None
        while data := await reader.read(_BUFFER):
            await self._open.wait()
            if left is not None and len(data) > left:
                writer.write(data[:left])
                self.cuts += 1
                return
            left = left and left - len(data)
            self.passed += len(data)
            writer.write(data)
            if writer.transport.get_write_buffer_size() > _BUFFER:
                self.backed_up.set()
            await writer.drain()
