"""Runs commands of manage.py as real processes and follows what they print."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from tests.fork_server import Forked
from tests.ports import free_port
from tests.processes import ROOT, start

MANAGE = [sys.executable, str(ROOT / "manage.py")]
END_WITHIN = 20.0
UNSET = ["DATABASE_URL", "DOQCHAT_REDIS_URL", "GEMINI_API_KEY", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "SERVER"]


def environment(data: Path, **variables: str) -> dict[str, str]:
    """Variables for a doqchat of its own, on ports of its own, without workers unless they are asked for.

    An empty one hides what a .env file says.
    """
    own = {
        "DJANGO_SETTINGS_MODULE": "tests.serving.settings",
        "DOQCHAT_DATA_DIR": str(data),
        "DOQCHAT_REDIS_PORT": str(free_port()),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "WEB_WORKERS": "1",
        "LLM_WORKERS": "0",
    }
    return os.environ | dict.fromkeys(UNSET, "") | own | variables


class Command:
    """A running command: its lines so far, and the processes under it."""

    def __init__(self, process: "subprocess.Popen[bytes] | Forked", output: int) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = asyncio.Condition()
        self._silent = False
        self._reading = asyncio.create_task(self._read(output))

    async def line(self, text: str) -> str:
        """The first line with this text, as soon as it is printed. Raises EOFError when it never will be."""
        async with self._news:
            await self._news.wait_for(lambda: self._find(text) is not None or self._silent)
        found = self._find(text)
        if found is None:
            raise EOFError(f"{text!r} is not in: {self.lines}")
        return found

    async def end(self) -> int:
        """The exit code, once it has ended and so has every process that it gave its output to."""
        await self._reading
        return await asyncio.to_thread(self.process.wait)

    def family(self) -> list[psutil.Process]:
        """The process and all those under it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def named(self, text: str) -> psutil.Process:
        """The one process under it whose command line has this text."""
        (found,) = [process for process in self.family()[1:] if text in " ".join(process.cmdline())]
        return found

    def _find(self, text: str) -> str | None:
        return next((line for line in self.lines if text in line), None)

    async def _read(self, output: int) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output))
        async for line in reader:
            self.lines.append(line.decode(errors="replace").rstrip())
            async with self._news:
                self._news.notify_all()
        transport.close()
        async with self._news:
            self._silent = True
            self._news.notify_all()


@asynccontextmanager
async def running(
    command: Sequence[str], variables: dict[str, str], pass_fds: Sequence[int] = ()
) -> AsyncIterator[Command]:
    """Start a command; afterwards end it, should it still run, and whatever it left."""
    started = _started(command, variables, pass_fds)
    process = started.process
    try:
        yield started
    finally:
        try:
            if process.poll() is None:
                process.terminate()
            await asyncio.wait_for(started.end(), END_WITHIN)
        finally:
            kill_all_of(variables["DOQCHAT_DATA_DIR"])


def _started(command: Sequence[str], variables: dict[str, str], pass_fds: Sequence[int]) -> Command:
    reading, writing = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        return Command(start(command, variables, (nothing, writing, writing), pass_fds), reading)
    finally:
        os.close(nothing)
        os.close(writing)


def kill_all_of(data: str) -> None:
    """Kill every process that was started for this data directory, whoever its parent is by now."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("DOQCHAT_DATA_DIR") == data:
                process.kill()
