"""The site that docs/en/production.md describes: nginx with TLS, two web processes below a path, two workers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from doqchat.protocol.ids import id_at
from doqchat.store import keys
from tests.deployment.certificate import write_certificate
from tests.deployment.documented import configured
from tests.deployment.programs import (
    INSTALL,
    MISSING,
    Service,
    nginx,
    postgresql,
    postgresql_url,
    redis_server,
    service,
)
from tests.ports import free_port
from tests.processes import Process, is_healthy, manage

PATH = "/chat/"


@dataclass(frozen=True)
class Deployment:
    """The running site.

    Attributes:
        address: its host and port.
        services: all that it consists of, in the order in which they were started.
        log: what nginx answered, a line for each request: the status, and the request.
        database: the URL of PostgreSQL.
    """

    address: str
    services: list[Service]
    log: Path
    database: str

    @property
    def http(self) -> str:
        return f"https://{self.address}{PATH}"

    @property
    def ws(self) -> str:
        return f"wss://{self.address}{PATH}"

    def archived(self, sid: str) -> list[str]:
        """The ids of a session's events in the archive, in their order."""
        query = """SELECT position FROM doqchat_archive_archivedevent AS event
            JOIN doqchat_archive_archivedsession AS session ON session.id = event.session_id
            WHERE sid = %s ORDER BY position"""
        with psycopg.connect(self.database) as connection:
            return [id_at(place) for (place,) in connection.execute(query, [sid])]

    def statuses(self) -> list[int]:
        """Of all answers so far."""
        return [int(line.split()[0]) for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that the user postgres may enter, unlike tmp_path."""
    made = Path(tempfile.mkdtemp(prefix="doqchat-deployment-"))
    for name in ("redis", "postgresql", "nginx", "data"):
        (made / name).mkdir()
    made.chmod(0o755)
    if os.geteuid() == 0 and not MISSING:
        shutil.chown(made / "postgresql", "postgres")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def deployment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The site, started as the page says; skipped where a program is missing."""
    if MISSING:
        pytest.skip(INSTALL)
    store, database, front, first, second = (free_port() for _ in range(5))
    settings = {
        "DOQCHAT_REDIS_URL": f"redis://127.0.0.1:{store}/0",
        "DATABASE_URL": postgresql_url(database),
        "DOQCHAT_DATA_DIR": str(directory / "data"),
        "DOQCHAT_HTTPS": "true",
        "DOQCHAT_PATH": PATH,
        "ALLOWED_HOSTS": "localhost",
        "DOQCHAT_LIVE_EVENTS": "10",
    }
    certificate, key, log = (directory / "nginx" / name for name in ("site.pem", "site.key", "access.log"))
    write_certificate(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    configuration = configured(
        listen=front, upstreams=(first, second), certificate=certificate, key=key, path=PATH, log=log
    )
    with ExitStack() as stack:
        services = [
            stack.enter_context(redis_server(directory / "redis", store)),
            stack.enter_context(postgresql(directory / "postgresql", database)),
        ]
        wait(services)
        migrate = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "config.settings"}
        subprocess.run(manage("migrate"), env=migrate, check=True, capture_output=True)
        services += [stack.enter_context(_web(port, settings)) for port in (first, second)]
        client = stack.enter_context(redis.Redis(port=store, decode_responses=True))
        services += [stack.enter_context(_worker(client, settings)) for _ in range(2)]
        front_end = stack.enter_context(nginx(directory / "nginx", configuration, front))
        wait([*services, front_end])
        yield Deployment(f"localhost:{front}", services, log, postgresql_url(database))


def wait(services: list[Service]) -> None:
    """Returns when each of them is ready."""
    for each in services:
        each.wait()


def _web(port: int, settings: dict[str, str]) -> AbstractContextManager[Service]:
    def ready(_: Process) -> bool:
        return is_healthy(f"http://127.0.0.1:{port}/readyz")

    return service("web", [*manage("doqchat_web"), "--port", str(port)], ready, settings)


def _worker(client: "redis.Redis", settings: dict[str, str]) -> AbstractContextManager[Service]:
    def ready(process: Process) -> bool:
        return any(f"-{process.pid}-" in name for name in client.zrange(keys.workers("default"), 0, -1))

    return service("llmworker", manage("doqchat_llmworker"), ready, settings)
