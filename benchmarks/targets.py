"""The servers that are measured: doqchat, and a chat written with stock Channels."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Workload
from tests.ports import free_port

RUN_WITHIN = 120  # seconds for one workload on one server, connecting included
PEER = "benchmarks.peers.stock_channels:application"


@dataclass(frozen=True)
class Site:
    """A running server: its address for sockets, its process id, and its store's process id and address."""

    url: str
    server_pid: int
    store_pid: int
    store_url: str


@dataclass(frozen=True)
class Target:
    """A server: its arguments to Python, with `{port}` where the port goes."""

    name: str
    arguments: tuple[str, ...]

    def measure(self, workload: Workload) -> Measurement:
        """Start a store and the server, run the workload against them, end both.

        If it cannot run, the measurement's `problem` has the reason.
        """
        try:
            with self.running() as site:
                return run_load(workload, site.url, site.server_pid, site.store_pid)
        except processes.NotListeningError as error:
            return Measurement(problem=str(error))

    @contextmanager
    def running(self) -> Iterator[Site]:
        """A store and the server, until the block ends; raises NotListeningError."""
        with tempfile.TemporaryDirectory(prefix="doqchat-bench-") as name:
            folder, port = Path(name), free_port()
            command = [sys.executable, *(argument.format(port=port) for argument in self.arguments)]
            with processes.store(folder) as (store_pid, store_url):
                environment = {
                    "STORE_URL": store_url,
                    "DOQCHAT_REDIS_URL": store_url,
                    "DOQCHAT_DATA_DIR": name,
                    "PYTHONUNBUFFERED": "1",
                }
                with processes.listening(
                    command, port, folder / "server.log", [processes.SERVER_CORE], environment
                ) as server_pid:
                    yield Site(f"ws://127.0.0.1:{port}", server_pid, store_pid, store_url)


def run_load(workload: Workload, url: str, server_pid: int, store_pid: int) -> Measurement:
    """Run the load generator in a separate process, not on the server's core."""
    spec = {
        "url": url,
        "server_pid": server_pid,
        "store_pid": store_pid,
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


DOQCHAT = Target(
    "doqchat on uvicorn", ("manage.py", "doqchat_web", "--host", "127.0.0.1", "--port", "{port}", "--server", "uvicorn")
)
DOQCHAT_DAPHNE = Target(
    "doqchat on daphne", ("manage.py", "doqchat_web", "--host", "127.0.0.1", "--port", "{port}", "--server", "daphne")
)
STOCK_DAPHNE = Target("stock Channels on daphne", ("-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}", PEER))
STOCK_UVICORN = Target(
    "stock Channels on uvicorn",
    ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log", "--lifespan", "off", PEER),
)

TARGETS = (DOQCHAT, DOQCHAT_DAPHNE, STOCK_DAPHNE, STOCK_UVICORN)
