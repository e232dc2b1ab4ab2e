"""The programs around doqchat, as Debian has them: nginx, Redis and PostgreSQL, each on a free port of its own."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import redis

from tests.processes import Process

PATH = os.pathsep.join(["/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.environ.get("PATH", "")])
PACKAGES = {"nginx": "nginx", "redis-server": "redis-server", "postgres": "postgresql"}
MISSING = sorted(package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH))
INSTALL = (
    f"Not installed: {', '.join(MISSING)}. Install with: apt-get install --no-install-recommends {' '.join(MISSING)}"
)


class Service:
    """A process that can be ended and started again in the same place."""

    def __init__(
        self, name: str, command: Sequence[str], ready: Callable[[Process], bool], environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._start = lambda: Process(name, command, environment)
        self._ready = ready
        self.process = self._start()

    def wait(self) -> None:
        """Returns when it is ready."""
        self.process.wait_until(lambda: self._ready(self.process))

    async def restart(self) -> None:
        """End it in order, start it again, and wait until it is ready. Call it in the main thread."""
        await asyncio.to_thread(self.process.end)
        self.process = self._start()
        await asyncio.to_thread(self.wait)


@contextmanager
def service(
    name: str, command: Sequence[str], ready: Callable[[Process], bool], environment: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """A service to the end of the block; wait for it before it is used."""
    started = Service(name, command, ready, environment or {})
    try:
        yield started
    finally:
        started.process.end()


@contextmanager
def redis_server(directory: Path, port: int) -> Iterator[Service]:
    """Redis with the settings that docs/en/production.md asks for."""
    settings = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    own = {"bind": "127.0.0.1", "port": str(port), "dir": str(directory)}
    options = [part for name, value in (settings | own).items() for part in (f"--{name}", value)]
    with closing(redis.Redis(port=port)) as client:

        def answers(_: Process) -> bool:
            with suppress(redis.RedisError):
                return bool(client.ping())
            return False

        with service("redis", [_found("redis-server"), *options], answers) as started:
            yield started


@contextmanager
def postgresql(directory: Path, port: int) -> Iterator[Service]:
    """PostgreSQL with a new cluster, whose superuser needs no password; it does not run as root."""
    account, directory = _account(), directory / "cluster"
    initdb = ["initdb", "--pgdata", str(directory), "--username", "postgres", "--auth", "trust", "--no-sync"]
    subprocess.run([*account, _found(initdb[0]), *initdb[1:]], check=True, capture_output=True)
    options = ["-D", str(directory), "-p", str(port), "-k", str(directory), "-c", "listen_addresses=127.0.0.1"]

    def answers(_: Process) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(postgresql_url(port)).close()
            return True
        return False

    with service("postgresql", [*account, _found("postgres"), *options], answers) as started:
        yield started


def postgresql_url(port: int) -> str:
    """The URL of the database that a new cluster has."""
    return f"postgres://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def nginx(directory: Path, configuration: str, port: int) -> Iterator[Service]:
    """nginx with a configuration of the http block."""
    file = directory / "nginx.conf"
    temporary = "".join(
        f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file.write_text(
        f"daemon off;\npid {directory}/nginx.pid;\nerror_log stderr;\nworker_processes 1;\n"
        f"events {{ worker_connections 256; }}\nhttp {{\n{temporary}{configuration}\n}}\n",
        encoding="utf-8",
    )

    def listens(_: Process) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    command = [_found("nginx"), "-p", str(directory), "-c", str(file), "-e", "stderr"]
    with service("nginx", command, listens) as started:
        yield started


def _found(program: str) -> str:
    return shutil.which(program, path=PATH) or program


def _account() -> list[str]:
    """What starts a program as the user postgres where this is root; the signal at the parent's end is kept."""
    if os.geteuid() != 0:
        return []
    postgres = pwd.getpwnam("postgres")
    ids = [f"--reuid={postgres.pw_uid}", f"--regid={postgres.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids, "--pdeathsig", "TERM", "--"]
