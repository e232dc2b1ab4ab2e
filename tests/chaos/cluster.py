"""What is broken: one store, one database, a worker that archives, and several web processes behind a proxy."""

import asyncio
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random

from doqchat.serving.listener import until_healthy
from doqchat.serving.start_report import answering
from doqchat.serving.valkey import EmbeddedStore
from tests.ports import free_port
from tests.processes import READY_WITHIN, Process, manage, migrate
from tests.proxy import Proxy

LIVE_EVENTS = 20

_ARCHIVED = """
    SELECT position, participant, body FROM doqchat_archive_archivedevent AS event
    JOIN doqchat_archive_archivedsession AS session ON session.id = event.session_id
    WHERE sid = ? ORDER BY position
"""


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


class Database:
    """The SQLite database, which the processes create when they first use it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "db.sqlite3"

    async def lock(self, seconds: float) -> None:
        """Hold the write lock for `seconds`."""
        with closing(sqlite3.connect(self.path, READY_WITHIN, 0, None, check_same_thread=False)) as connection:
            await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            connection.execute("ROLLBACK")

    async def be_away(self, seconds: float) -> None:
        """For `seconds`, it cannot be opened, and open connections cannot write to it."""
        hidden = self.path.with_suffix(".away")
        with closing(sqlite3.connect(self.path, READY_WITHIN, 0, None, check_same_thread=False)) as connection:
            await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            self.path.rename(hidden)
            self.path.mkdir()
            try:
                await asyncio.sleep(seconds)
            finally:
                self.path.rmdir()
                hidden.rename(self.path)
                connection.execute("ROLLBACK")

    def number_archived(self) -> int:
        """The number of events in the archive."""
        with closing(sqlite3.connect(self.path, timeout=READY_WITHIN)) as connection:
            return int(connection.execute("SELECT count(*) FROM doqchat_archive_archivedevent").fetchone()[0])

    def archived(self, sid: str) -> list[tuple[int, str, str]]:
        """Position, participant and body of the session's events in the archive."""
        with closing(sqlite3.connect(self.path, timeout=READY_WITHIN)) as connection:
            return connection.execute(_ARCHIVED, [sid]).fetchall()


class Worker:
    """The worker, through any number of lives; it archives what is not among the last LIVE_EVENTS of a session.

    Args:
        environment: of the process.
    """

    name = "worker"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.process: Process | None = None
        self._environment = {**environment, "DOQCHAT_LIVE_EVENTS": str(LIVE_EVENTS)}

    async def start(self) -> None:
        """Returns at once: nobody waits for an archiver."""
        self.process = Process(self.name, manage("doqchat_llmworker"), self._environment)


class Web:
    """A web process, through any number of lives; connections wait in its socket between two of them.

    Args:
        server: `uvicorn` or `daphne`.
        environment: of the process.
    """

    def __init__(self, server: str, environment: Mapping[str, str]) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._listening.getsockname()[1]
        self.name = f"{server} at {self.port}"
        self.process: Process | None = None
        self._command = [*manage("doqchat_web"), "--fd", str(self._listening.fileno()), "--server", server]
        self._environment = environment

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
        store, webs, worker: the processes.
        database: what the worker archives in.
        proxy: where clients connect.
    """

    def __init__(self, folder: Path, servers: Sequence[str], random: Random) -> None:
        self.store = Store(folder / "valkey")
        self.database = Database(folder)
        self._environment = {
            "DOQCHAT_REDIS_URL": self.store.url,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{self.database.path}",
            "SECRET_KEY": "not a secret: for tests alone",
            "ALLOWED_HOSTS": "",
            "GEMINI_API_KEY": "",
        }
        self.worker = Worker(self._environment)
        self.webs = [Web(server, self._environment) for server in servers]
        self.proxy = Proxy(*(f"127.0.0.1:{web.port}" for web in self.webs), random=random)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Cluster"]:
        """Runs to the end of the block, however that ends."""
        try:
            await self.store.start()
            migrate(self._environment)
            await self.worker.start()
            await asyncio.gather(*(web.start() for web in self.webs))
            async with self.proxy.serving():
                yield self
        finally:
            for web in self.webs:
                await end(web)
                web.close()
            await end(self.worker)
            await end(self.store)


Part = Store | Web | Worker


async def kill(part: Part) -> None:
    """SIGKILL."""
    assert part.process is not None
    await asyncio.to_thread(part.process.kill)


async def end(part: Part) -> None:
    """SIGTERM, and wait until it has ended."""
    if part.process is not None:
        await asyncio.to_thread(part.process.end)


async def freeze(part: Part, seconds: float) -> None:
    """SIGSTOP, and SIGCONT after `seconds`."""
    assert part.process is not None
    part.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        part.process.send_signal(signal.SIGCONT)
