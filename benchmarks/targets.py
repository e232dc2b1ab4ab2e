"""The servers that are measured: doqchat, and a chat written with stock Channels."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.measurement import Measurement
from benchmarks.workloads import Idle, Traffic

RUN_WITHIN = 120  # seconds for one workload on one server, connecting included
PEER = "benchmarks.peers.stock_channels:application"


@dataclass(frozen=True)
class Target:
    """A server: its arguments to Python, with `{port}` where the port goes."""

    name: str
    arguments: tuple[str, ...]

    def measure(self, workload: Traffic | Idle) -> Measurement:
        """Start a store and the server, run the workload against them, end both.

        What keeps it from running is told in the measurement's `problem`.
        """
        with tempfile.TemporaryDirectory(prefix="doqchat-bench-") as folder:
            try:
                with processes.store(Path(folder)) as (store_pid, store_url):
                    return self._measure(workload, Path(folder), store_pid, store_url)
            except processes.NotListeningError as error:
                return Measurement(problem=str(error))

    def _measure(self, workload: Traffic | Idle, folder: Path, store_pid: int, store_url: str) -> Measurement:
        port = processes.free_port()
        command = [sys.executable, *(argument.format(port=port) for argument in self.arguments)]
        environment = {
            "STORE_URL": store_url,
            "DOQCHAT_REDIS_URL": store_url,
            "DOQCHAT_DATA_DIR": str(folder),
            "PYTHONUNBUFFERED": "1",
        }
        with processes.listening(
            command, port, folder / "server.log", [processes.SERVER_CORE], environment
        ) as server_pid:
            return run_load(workload, f"ws://127.0.0.1:{port}", server_pid, store_pid)


def run_load(workload: Traffic | Idle, url: str, server_pid: int, store_pid: int) -> Measurement:
    """Run the load generator in a process of its own, away from the server's core."""
    spec = {"url": url, "server_pid": server_pid, "store_pid": store_pid, "workload": asdict(workload)}
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
    "doqchat on uvicorn", ("manage.py", "web", "--host", "127.0.0.1", "--port", "{port}", "--server", "uvicorn")
)
DOQCHAT_DAPHNE = Target(
    "doqchat on daphne", ("manage.py", "web", "--host", "127.0.0.1", "--port", "{port}", "--server", "daphne")
)
STOCK_DAPHNE = Target("stock Channels on daphne", ("-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}", PEER))
STOCK_UVICORN = Target(
    "stock Channels on uvicorn",
    ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log", "--lifespan", "off", PEER),
)

TARGETS = (DOQCHAT, DOQCHAT_DAPHNE, STOCK_DAPHNE, STOCK_UVICORN)
