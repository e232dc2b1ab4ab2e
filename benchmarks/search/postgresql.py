"""A PostgreSQL with an empty cluster, as Debian installs it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATH = os.pathsep.join([*map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.environ.get("PATH", "")])
_SECONDS = 30


class NotInstalledError(Exception):
    """There is no PostgreSQL."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database; raises NotInstalledError. It does not run as root, so root needs the user postgres."""
    if shutil.which("postgres", path=_PATH) is None:
        raise NotInstalledError("PostgreSQL is not installed: apt-get install --no-install-recommends postgresql")
    account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="doqchat-search-") as directory:
        Path(directory).chmod(0o777)
        data, port = f"{directory}/cluster", _free_port()
        initdb = [_program("initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust"]
        subprocess.run([*account, *initdb], check=True, capture_output=True)
        options = ["-D", data, "-p", str(port), "-k", data, "-c", "listen_addresses=127.0.0.1"]
        with subprocess.Popen([*account, _program("postgres"), *options], stderr=subprocess.DEVNULL) as server:
            try:
                _wait(port)
                yield f"postgres://postgres@127.0.0.1:{port}/postgres"
            finally:
                server.terminate()


def _program(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not start.")
        time.sleep(0.1)
