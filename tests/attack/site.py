"""The site under attack: a store, a web process and a worker, as users run them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.attack import seeds
from tests.processes import completed

AMPLE = "1gb"
"""More memory than the attackers of a run can fill."""


@dataclass(frozen=True)
class Site:
    """The processes of a site."""

    web: processes.Web
    store: processes.Store
    worker: processes.Process


@contextmanager
def site(server: str, folder: Path, maxmemory: str = AMPLE, limits: str = "") -> Iterator[Site]:
    """A site on `uvicorn` or `daphne` to the end of the block, with what the attackers need in its store.

    Args:
        server: the web server.
        folder: where its data is.
        maxmemory: how much the store may hold, as Valkey writes it.
        limits: changes of the default limits.
    """
    with processes.valkey(folder / "valkey", 0, "--maxmemory", maxmemory) as store:
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "SECRET_KEY": "not a secret: for tests alone",
            "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
            "FORWARDED_ALLOW_IPS": "192.0.2.1",
            "DOQCHAT_LIMITS": limits,
            **dict.fromkeys(("GEMINI_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"), ""),
        }
        _manage(environment, "migrate", "--verbosity", "0")
        own = {"DJANGO_SUPERUSER_PASSWORD": "right", "DJANGO_SUPERUSER_EMAIL": ""}
        _manage(environment | own, "createsuperuser", "--noinput", "--username", seeds.ADMIN)
        seeds.seed(store.url)
        with (
            processes.web(server, DOQCHAT_REDIS_URL=store.url, **environment) as web,
            processes.llm_worker(store.url, **environment) as worker,
        ):
            yield Site(web, store, worker)


def _manage(environment: dict[str, str], *command: str) -> None:
    completed([*processes.manage(command[0]), *command[1:]], os.environ | environment).check_returncode()
