"""A site for one access, without limits on its clients, so that every frame is examined."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import processes
from tests.access.credentials import SHARED

UNLIMITED = ",".join(
    f"{name}=none"
    for name in (
        "CONNECTION_MESSAGES",
        "CONNECTION_CHARACTERS",
        "ROLE_MESSAGES",
        "SESSION_MESSAGES",
        "SESSION_BYTES",
        "PERSON_REQUESTS",
        "SITE_REQUESTS",
    )
)
"""DOQCHAT_LIMITS without limits; an address on this machine has none of its own."""


@contextmanager
def site(server: str, access: str, folder: Path) -> Iterator[tuple[processes.Web, processes.Store]]:
    """A web process on `uvicorn` or `daphne`, and its store, to the end of the block.

    The store does not wait for the disk: what is tested is which frames are stored, not that they survive a crash.
    """
    with processes.valkey(folder / access, 0, "--appendfsync", "no") as store:
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DOQCHAT_ACCESS": access,
            "DOQCHAT_DATA_DIR": str(folder),
            "DOQCHAT_LIMITS": UNLIMITED,
            "DOQCHAT_REDIS_URL": store.url,
            "DOQCHAT_TOKEN_KEY": SHARED,
            "SECRET_KEY": "not a secret: for tests alone",
        }
        with processes.web(server, **environment) as web:
            yield web, store
