"""What is broken: one store and several web processes behind a proxy."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from doqchat.serving.listener import until_healthy
from doqchat.serving.start_report import answering
from doqchat.serving.valkey import EmbeddedStore
from tests.ports import free_port
from tests.processes import READY_WITHIN, Process, manage
from tests.proxy import Proxy


class Store:
    """A Valkey that keeps what it acknowledged, through any number of lives."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._embedded = EmbeddedStore(folder, free_port())
        self.url = self._embedded.url
        self.process: Process | None = None

    async def start(self) -> None:
        """Returns when it answers. Call it in the main thread, as everything that starts a process."""
        self.process = Process("valkey", [*self._embedded.command(), "--logfile", ""], {})
        await answering(self.url, READY_WITHIN)


class Web:
    """A web process, through any number of lives; connections wait in its socket between two of them.

    Args:
        server: `uvicorn` or `daphne`.
        folder: where it may write.
        store_url: the store.
    """

    def __init__(self, server: str, folder: Path, store_url: str) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._listening.getsockname()[1]
        self.name = f"{server} at {self.port}"
        self.process: Process | None = None
        self._command = [*manage("doqchat_web"), "--fd", str(self._listening.fileno()), "--server", server]
        self._environment = {
            "DOQCHAT_REDIS_URL": store_url,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "SECRET_KEY": "not a secret: for tests alone",
            "ALLOWED_HOSTS": "",
            "GEMINI_API_KEY": "",
        }

    async def start(self) -> None:
        """Returns when it answers."""
        self.process = Process(self.name, self._command, self._environment, [self._listening.fileno()])
        async with asyncio.timeout(READY_WITHIN):
            await until_healthy(self._listening, "localhost")

    def close(self) -> None:
        """Give up its port; it cannot be started again."""
        self._listening.close()


class Cluster:
    """All of it.

    Attributes:
        store, webs: the processes.
        proxy: where clients connect.
    """

    def __init__(self, folder: Path, servers: Sequence[str], random: Random) -> None:
        self.store = Store(folder / "valkey")
        self.webs = [Web(server, folder, self.store.url) for server in servers]
        self.proxy = Proxy(*(f"127.0.0.1:{web.port}" for web in self.webs), random=random)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Cluster"]:
        """Runs to the end of the block, however that ends."""
        try:
            await self.store.start()
            await asyncio.gather(*(web.start() for web in self.webs))
            async with self.proxy.serving():
                yield self
        finally:
            for web in self.webs:
                await end(web)
                web.close()
            await end(self.store)


async def kill(part: Store | Web) -> None:
    """SIGKILL."""
    assert part.process is not None
    await asyncio.to_thread(part.process.kill)


async def end(part: Store | Web) -> None:
    """SIGTERM, and wait until it has ended."""
    if part.process is not None:
        await asyncio.to_thread(part.process.end)


async def freeze(part: Store | Web, seconds: float) -> None:
    """SIGSTOP, and SIGCONT after so many seconds."""
    assert part.process is not None
    part.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        part.process.send_signal(signal.SIGCONT)
