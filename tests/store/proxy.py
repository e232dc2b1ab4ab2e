"""A TCP proxy before a store, whose connections break when a test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on both ways; `lose_answer` breaks a connection between a request's arrival and its answer."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._losing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost = asyncio.Event()
        self.url = ""

    def lose_answer(self) -> None:
        """Break the connection on which the next answer comes, and keep the answer."""
        self._losing.set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listens on a free port, at `url`, to the end of the block."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._target.hostname, self._target.port)
        answers = asyncio.create_task(self._pass_answers(there[0], writer))
        requests = asyncio.create_task(self._pass_requests(reader, there[1]))
        self._tasks |= {answers, requests}
        await asyncio.wait([answers, requests], return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, there[1]):
            end.close()

    async def _pass_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self._losing.is_set():
                self._losing.clear()
                self.lost.set()
                return
            writer.write(data)
