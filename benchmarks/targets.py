"""The servers that are measured: doqchat, and the same chat in Socket.IO and in stock Channels."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import processes
from benchmarks.measurement import Measurement
from benchmarks.peers.socketio import installation
from benchmarks.workloads import Workload
from tests.ports import free_port
from tests.processes import MESSAGE_LIMITS

RUN_WITHIN = 120  # seconds for one workload on one server, connecting included
HIGH_LIMITS = ",".join(f"{name}=1000000000" for name in MESSAGE_LIMITS)
"""Limits that no benchmark reaches; they are counted as any others."""

STOCK = "benchmarks.peers.stock_channels:application"


@dataclass(frozen=True)
class Site:
    """A running server: its address for sockets, its process id, and its store's process id and address."""

    url: str
    server_pid: int
    store_pid: int
    store_url: str


@dataclass(frozen=True)
class Target:
    """A server.

    Attributes:
        name: what the report calls it.
        command: runs it, with `{port}` where the port goes.
        framing: the framing of its clients, a key of load.FRAMINGS.
        environment: further variables of the server.
        install: makes sure that the command can run; raises installation.UnavailableError.
    """

    name: str
    command: tuple[str, ...]
    framing: str = "plain"
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    install: Callable[[], None] = lambda: None

    def measure(self, workload: Workload) -> Measurement:
        """Start a store and the server, run the workload against them, end both.

        If it cannot run, the measurement's `problem` has the reason.
        """
        try:
            with self.running() as site:
                return run_load(workload, site, self.framing)
        except processes.NotListeningError as error:
            return Measurement(problem=str(error))

    @contextmanager
    def running(self) -> Iterator[Site]:
        """A store and the server, until the block ends; raises NotListeningError."""
        with tempfile.TemporaryDirectory(prefix="doqchat-bench-") as name:
            folder, port = Path(name), free_port()
            command = [argument.replace("{port}", str(port)) for argument in self.command]
            with processes.store(folder) as (store_pid, store_url):
                environment = {
                    "STORE_URL": store_url,
                    "DOQCHAT_REDIS_URL": store_url,
                    "DOQCHAT_DATA_DIR": name,
                    "DOQCHAT_LIMITS": HIGH_LIMITS,
                    "PYTHONUNBUFFERED": "1",
                    **self.environment,
                }
                if "doqchat_web" in command:
                    processes.migrate(environment)
                with processes.listening(
                    command, port, folder / "server.log", [processes.SERVER_CORE], environment
                ) as server_pid:
                    yield Site(f"ws://127.0.0.1:{port}", server_pid, store_pid, store_url)


def run_load(workload: Workload, site: Site, framing: str) -> Measurement:
    """Run the load generator in a separate process, not on the server's core."""
    spec = {
        "url": site.url,
        "server_pid": site.server_pid,
        "store_pid": site.store_pid,
        "framing": framing,
        "kind": type(workload).__name__,
        "workload": asdict(workload),
    }
    command = [sys.executable, "-m", "benchmarks.load", json.dumps(spec)]
    try:
        done = subprocess.run(
            command,
            cwd=processes.ROOT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=RUN_WITHIN,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, processes.OTHER_CORES),
        )
    except subprocess.TimeoutExpired:
        return Measurement(problem=f"not done after {RUN_WITHIN} seconds")
    if done.returncode:
        return Measurement(problem=f"the load generator ended with {done.returncode}")
    return Measurement(**json.loads(done.stdout))


def _doqchat(server: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", "doqchat_web", "--host", "127.0.0.1", "--port", "{port}", "--server", server)


DOQCHAT = Target("doqchat on uvicorn", _doqchat("uvicorn"))
DOQCHAT_DAPHNE = Target("doqchat on daphne", _doqchat("daphne"))
SOCKET_IO = Target(
    "Socket.IO, redis-streams",
    ("node", str(installation.SERVER), "{port}"),
    framing="Socket.IO",
    install=installation.install,
)
_QUIET = ("--log-level", "warning", "--no-access-log", "--lifespan", "off")
STOCK_DAPHNE = Target(
    "stock Channels on daphne",
    (sys.executable, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}", STOCK),
)
STOCK_UVICORN = Target(
    "stock Channels on uvicorn",
    (sys.executable, "-m", "uvicorn", "--port", "{port}", *_QUIET, STOCK),
)

TARGETS = (DOQCHAT, SOCKET_IO, DOQCHAT_DAPHNE, STOCK_DAPHNE, STOCK_UVICORN)
