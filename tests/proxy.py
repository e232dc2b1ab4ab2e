"""A TCP proxy whose connections can be cut, held, delayed and led elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from random import Random

_BUFFER = 64 * 1024


class Proxy:
    """Leads each new connection to the next of its targets and passes bytes on both ways.

    Args:
        targets: `host:port` each.
        random: decides where connections are cut, and for how long bytes are delayed.

    Attributes:
        address: where it listens, `host:port`.
        cut_within: cut each new connection somewhere among its first so many bytes; 0 does not.
        delay: hold each piece of bytes for up to so many seconds, and pass it on in two halves.
        cuts: how many connections were cut.
        passed: how many bytes went from servers to clients.
        backed_up: set when somebody has stopped reading and what is kept for them is full.
        losing: cut the connection on which a server is asked this next, and keep its answer.
        holding: keep back what servers say from when one is asked this next.
        alter: what becomes of the bytes that servers send.
    """

    def __init__(self, *targets: str, random: Random | None = None) -> None:
        self.address = ""
        self.cut_within = 0
        self.delay = 0.0
        self.cuts = 0
        self.passed = 0
        self.backed_up = asyncio.Event()
        self.losing = self.holding = b""
        self.alter: Callable[[bytes], bytes] = bytes
        self.released = asyncio.Event()
        self.released.set()
        self.random = random or Random()
        self._targets = cycle(targets)
        self._lines: dict[asyncio.Task[None], _Line] = {}

    @property
    def ws(self) -> str:
        """Its address for sockets."""
        return f"ws://{self.address}"

    def lead_to(self, *targets: str) -> None:
        """Lead new connections to these."""
        self._targets = cycle(targets)

    def hold(self) -> None:
        """Keep back what servers say."""
        self.released.clear()

    def release(self) -> None:
        """Let it through again, what was kept back first."""
        self.released.set()

    def cut(self, share: float = 1.0, within: int = 0) -> int:
        """Cut a share of the connections, now or somewhere among the next so many bytes of each; how many those are."""
        chosen = [line for line in self._lines.values() if self.random.random() < share]
        for line in chosen:
            line.cut_within(within)
        return len(chosen)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listens on a free port to the end of the block, and cuts all connections there."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._lines, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        line = self._lines[task] = _Line(self)
        if self.cut_within:
            line.cut_within(self.cut_within)
        try:
            await line.connect(next(self._targets), reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            del self._lines[task]


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._left: int | None = None
        self._losing = False
        self._cut = asyncio.Event()

    def cut_within(self, size: int) -> None:
        """Cut it somewhere among the next so many bytes, or now."""
        if size:
            self._left = self._proxy.random.randrange(size)
        else:
            self._cut.set()

    async def connect(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until either side ends or the line is cut; then end both."""
        host, _, port = target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        doing = (self._up(reader, there_writer), self._down(there_reader, writer), self._cut.wait())
        tasks = [asyncio.create_task(one) for one in doing]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._proxy.cuts += self._cut.is_set()
        for end in (writer, there_writer):
            if self._cut.is_set() and self._proxy.random.random() < 0.5:
                end.transport.abort()
            else:
                end.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BUFFER):
            if self._proxy.losing and self._proxy.losing in data:
                self._proxy.losing, self._losing = b"", True
            if self._proxy.holding and self._proxy.holding in data:
                self._proxy.holding = b""
                self._proxy.hold()
            await self._write(writer, data)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_BUFFER):
            await self._proxy.released.wait()
            if self._losing:
                self._cut.set()
            if self._cut.is_set():  # what was kept back is lost
                return
            self._proxy.passed += len(data)
            await self._write(writer, self._proxy.alter(data))

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self._left is not None:
            if len(data) > self._left:
                self._cut.set()
            data = data[: self._left]
            self._left -= len(data)
        if self._proxy.delay:
            half = len(data) // 2
            writer.write(data[:half])
            data = data[half:]
            await asyncio.sleep(self._proxy.random.uniform(0, self._proxy.delay))
        writer.write(data)
        if writer.transport.get_write_buffer_size() > _BUFFER:
            self._proxy.backed_up.set()
        await writer.drain()
