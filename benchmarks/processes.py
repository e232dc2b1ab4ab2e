"""Starts the servers and stores of a run, each on its core, and ends whatever was started."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from doqchat.serving.store_program import find_program
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[-1]
OTHER_CORES = CORES[:-1] or CORES
LISTENING_WITHIN = 30.0  # seconds
ENDED_WITHIN = 10.0  # seconds, then it is killed


class NotListeningError(Exception):
    """A process ended, or said nothing on its port for LISTENING_WITHIN; the text has the last lines it wrote."""


@contextlib.contextmanager
def listening(
    command: Sequence[str], port: int, log: Path, cores: Sequence[int], environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run the command until the block ends; yields its process id once it answers on the port.

    It has its own process group, so that a Ctrl-C reaches only us and things end in order, but is of our session: the
    kernel shares out a core among sessions first. Raises NotListeningError.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    try:
        _wait_for_port(process, port, log)
        yield process.pid
    finally:
        _end(process)


def migrate(environment: Mapping[str, str]) -> None:
    """Create the tables of a server's database."""
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + LISTENING_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    last_lines = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    raise NotListeningError(f"It does not answer on port {port}. It wrote:\n{last_lines}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=ENDED_WITHIN)
        for survivor in alive:
            survivor.kill()
    process.wait()


@contextlib.contextmanager
def store(folder: Path) -> Iterator[tuple[int, str]]:
    """An empty Valkey that keeps every write before it answers; yields its process id and URL."""
    port = free_port()
    settings = {
        "port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": "",
        "appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    command = [find_program()]
    for name, value in settings.items():
        command += [f"--{name}", value]
    with listening(command, port, folder / "store.log", OTHER_CORES) as pid:
        yield pid, f"redis://127.0.0.1:{port}/0"
