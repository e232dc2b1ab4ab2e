"""The processes that tests talk to: a real Valkey, web processes, workers. They end with pytest, however that ends."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import urlsplit

import redis

from doqchat.serving.child import end_with_parent
from doqchat.serving.valkey import EmbeddedStore
from doqchat.store import keys
from tests.fork_server import Forked
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 40.0
END_WITHIN = 15.0
MESSAGE_LIMITS = (
    "CONNECTION_MESSAGES",
    "CONNECTION_CHARACTERS",
    "ROLE_MESSAGES",
    "ROLE_BYTES",
    "SESSION_MESSAGES",
    "SESSION_BYTES",
)
"""The limits on messages, for sites that are sent more than people send."""


class Process:
    """A running process whose output is kept."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        pass_fds: Sequence[int] = (),
        directory: Path = ROOT,
    ) -> None:
        self.name = name
        self._output: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it is closed when the process has ended
        self._printed: str | None = None
        own = {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONFAULTHANDLER": "1"}
        output = self._output.fileno()
        with Path(os.devnull).open() as nothing:
            streams = nothing.fileno(), output, output
            self._popen = start(command, {**os.environ, **own, **environment}, streams, pass_fds, directory)
        self.pid = self._popen.pid

    @property
    def output(self) -> str:
        """What it has printed so far. The place to write at is the process's own: it must not be moved to read."""
        if self._printed is not None:
            return self._printed
        printed = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), printed, 0).decode(errors="replace")

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Returns when `ready` says so; raises RuntimeError with the output when the process ends or takes too long."""
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            if not self.running or time.monotonic() > deadline:
                state = "is not ready" if self.running else f"ended with {self._popen.returncode}"
                raise RuntimeError(f"{self.name} {state}. It printed:\n{self.output}")
            time.sleep(0.02)

    def wait(self) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        return self._popen.wait(END_WITHIN)

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT lets it go on."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: it dies in the middle of what it does."""
        self._popen.kill()
        self._popen.wait()
        self._keep_output()

    def end(self) -> None:
        """SIGTERM; nothing for one that has ended. Raises RuntimeError, with all stacks, when that does not end it."""
        self._popen.terminate()
        self._popen.send_signal(signal.SIGCONT)
        try:
            self._popen.wait(END_WITHIN)
        except subprocess.TimeoutExpired as error:
            self._popen.send_signal(signal.SIGABRT)
            self._popen.wait()
            raise RuntimeError(f"{self.name} does not end. It printed:\n{self.output}") from error
        finally:
            self._keep_output()

    def _keep_output(self) -> None:
        self._printed = self.output
        self._output.close()


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    pass_fds: Sequence[int] = (),
    directory: Path = ROOT,
) -> "subprocess.Popen[bytes] | Forked":
    """Start a program, in a session of its own; one of Python is forked where that is possible.

    Args:
        command: its command line.
        environment: all variables that it finds.
        streams: the descriptors of its standard input, its output and its errors.
        pass_fds: further ones that it gets, under their numbers.
        directory: where it begins.
    """
    python, *arguments = command
    if python == sys.executable and sys.platform == "linux":
        descriptors = dict(enumerate(streams)) | {number: number for number in pass_fds}
        return Forked(arguments, environment, descriptors, directory)
    return subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        pass_fds=pass_fds,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        start_new_session=True,
        preexec_fn=partial(end_with_parent, os.getpid()),
    )


@dataclass(frozen=True)
class Store:
    """A running Valkey, how to reach it, and where its data is."""

    process: Process
    url: str
    directory: Path


@dataclass(frozen=True)
class Web:
    """A running web process, and how to reach it: `http` and `ws` are addresses without a path."""

    process: Process
    address: str

    @property
    def http(self) -> str:
        return f"http://{self.address}"

    @property
    def ws(self) -> str:
        return f"ws://{self.address}"


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    ready: Callable[[Process], bool],
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    directory: Path = ROOT,
) -> Iterator[Process]:
    """A process from when it is ready to the end of the block. Start it in the main thread."""
    process = Process(name, command, environment or {}, pass_fds, directory)
    try:
        process.wait_until(lambda: ready(process))
        yield process
    finally:
        process.end()


@contextmanager
def valkey(directory: Path, port: int = 0, *options: str, cluster: bool = False) -> Iterator[Store]:
    """A store that keeps what it acknowledged in a directory.

    Args:
        directory: where.
        port: that it listens on; 0 for any that is free.
        options: further ones of its command line.
        cluster: whether it is a node of a Redis Cluster, the only one: it refuses scripts and commands whose keys are
            in different hash slots.
    """
    if cluster:
        options = (*options, "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    embedded = EmbeddedStore(directory, port or free_port())
    embedded.directory.mkdir(parents=True, exist_ok=True)
    with (
        closing(redis.Redis.from_url(embedded.url)) as client,
        running("valkey", [*embedded.command(), "--logfile", "", *options], lambda _: _answers(client)) as process,
    ):
        if cluster:
            client.cluster("ADDSLOTSRANGE", 0, 16383)
            process.wait_until(lambda: dict(client.cluster("INFO")).get("cluster_state") == "ok")
        yield Store(process, embedded.url, directory)


@contextmanager
def web(server: str = "uvicorn", **environment: str) -> Iterator[Web]:
    """A web process on `uvicorn` or `daphne`, with further variables, on a port of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        address = f"127.0.0.1:{port}"
        command = [*manage("doqchat_web"), "--fd", str(descriptor), "--server", server, "--supervised"]
        with running(
            server, command, lambda _: is_healthy(f"http://{address}/healthz"), environment, [descriptor]
        ) as process:
            yield Web(process, address)


@contextmanager
def llm_worker(store_url: str, **environment: str) -> Iterator[Process]:
    """A worker that answers the requests in a store."""
    with (
        closing(redis.Redis.from_url(store_url, decode_responses=True)) as client,
        running(
            "llmworker",
            manage("doqchat_llmworker"),
            lambda process: _takes_jobs(client, process),
            {"DOQCHAT_REDIS_URL": store_url, **environment},
        ) as process,
    ):
        yield process


def migrate(environment: Mapping[str, str]) -> None:
    """Create the tables of a database."""
    command = [*manage("migrate"), "--verbosity", "0"]
    done = completed(command, {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment})
    if done.returncode:
        raise RuntimeError(f"migrate ended with {done.returncode}:\n{done.stderr}")


@contextmanager
def gemini() -> Iterator[str]:
    """A stand-in for the Gemini API; its address. What it says is up to a marker in the prompt, see its module."""
    port = free_port()
    command = [sys.executable, "-m", "tests.stand_ins.gemini", "--port", str(port)]
    with running("gemini", command, lambda process: str(port) in process.output):
        yield f"http://127.0.0.1:{port}"


def completed(
    command: Sequence[str], environment: Mapping[str, str], typed: str = "", within: float = READY_WITHIN
) -> "subprocess.CompletedProcess[str]":
    """What a command has printed and how it ended, with just this environment; `typed` is its standard input."""
    with TemporaryFile() as standard_input, TemporaryFile() as output, TemporaryFile() as errors:
        standard_input.write(typed.encode())
        standard_input.seek(0)
        streams = (standard_input.fileno(), output.fileno(), errors.fileno())
        code = start(command, environment, streams).wait(within)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([*command], code, output.read().decode(), errors.read().decode())


def manage(command: str) -> list[str]:
    """The command line of a command of manage.py."""
    return [sys.executable, str(ROOT / "manage.py"), command, "--skip-checks"]


def port_of(url: str) -> int:
    """The port in a store's URL."""
    return urlsplit(url).port or 6379


def _answers(client: "redis.Redis") -> bool:
    with suppress(redis.RedisError):
        return bool(client.ping())
    return False


def is_healthy(url: str) -> bool:
    with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=1) as response:
        return bool(response.status == 200)
    return False


def _takes_jobs(client: "redis.Redis", process: Process) -> bool:
    """Whether the worker has shown that it serves its model; its process id is part of its name there."""
    return any(f"-{process.pid}-" in name for name in client.zrange(keys.workers("default"), 0, -1))
