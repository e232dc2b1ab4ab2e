"""A load balancer before the web processes, which cuts connections in mid-frame and holds bytes back."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

_BUFFER = 64 * 1024


class Proxy:
    """Leads each new connection to the next of its targets and passes bytes on both ways.

    Args:
        targets: the ports of the web processes, on loopback.
        random: decides where connections are cut and for how long bytes are held.

    Attributes:
        delay: each piece of a connection's bytes is held for up to so many seconds, and goes out in two halves.
        url: where it listens, such as `ws://127.0.0.1:1234`.
    """

    def __init__(self, targets: Sequence[int], random: Random) -> None:
        self.delay = 0.0
        self.url = ""
        self._targets = itertools.cycle(targets)
        self._random = random
        self._lines: set[_Line] = set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._lines)

    def cut(self, share: float) -> int:
        """Cut a share of the connections, each in the middle of the bytes that it passes next; how many those are."""
        chosen = [line for line in self._lines if self._random.random() < share]
        for line in chosen:
            line.cutting = True
        return len(chosen)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listens on a free port to the end of the block, and cuts all connections there."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_BUFFER, backlog=1024)
        self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            tasks = [line.task for line in self._lines]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        line = _Line(self, self._random, task)
        self._lines.add(line)
        try:
            await line.connect(next(self._targets), reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._lines.discard(line)


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, random: Random, task: "asyncio.Task[None]") -> None:
        self.cutting = False
        self.task = task
        self._proxy = proxy
        self._random = random

    async def connect(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until either side ends; then end the other."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port, limit=_BUFFER)
        ways = [
            asyncio.create_task(self._pass(reader, there_writer)),
            asyncio.create_task(self._pass(there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, there_writer):
                if self.cutting and self._random.random() < 0.5:
                    end.transport.abort()
                else:
                    end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BUFFER):
            if self.cutting:
                writer.write(data[: self._random.randrange(len(data))])
                return
            if self._proxy.delay:
                half = len(data) // 2
                writer.write(data[:half])
                await asyncio.sleep(self._random.uniform(0, self._proxy.delay))
                data = data[half:]
            writer.write(data)
            await writer.drain()
