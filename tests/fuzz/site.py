"""A site for one access, without limits on its clients, so that every frame is examined."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import processes
from tests.access.credentials import SHARED
from tests.chat.commands import clean
from tests.fuzz.principals import LOGIN, NAMES

UNLIMITED = ",".join(f"{name}=none" for name in (*processes.MESSAGE_LIMITS, "PERSON_REQUESTS", "SITE_REQUESTS"))
"""DOQCHAT_LIMITS without limits; an address on this machine has none of its own."""

SIGN_IN = f"""
from datetime import timedelta
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils.timezone import now

user = get_user_model().objects.create_user("fuzz", first_name={NAMES["A"]!r}, last_name="A")
login = {{
    SESSION_KEY: str(user.pk),
    BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
    HASH_SESSION_KEY: user.get_session_auth_hash(),
}}
Session.objects.save({LOGIN!r}, login, now() + timedelta(days=1))
"""
"""Signs in a user whose last name is the role A."""


@contextmanager
def site(server: str, access: str, folder: Path) -> Iterator[tuple[processes.Web, processes.Store]]:
    """A web process on `uvicorn` or `daphne`, and its store, to the end of the block.

    The store does not wait for the disk: what is tested is which frames are stored, not that they survive a crash.
    """
    with processes.valkey(folder / access, 0, "--appendfsync", "no") as store:
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DOQCHAT_ACCESS": access,
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DOQCHAT_DATA_DIR": str(folder),
            "DOQCHAT_LIMITS": UNLIMITED,
            "DOQCHAT_REDIS_URL": store.url,
            "DOQCHAT_TOKEN_KEY": SHARED,
            "SECRET_KEY": "not a secret: for tests alone",
        }
        processes.migrate(environment)
        if access == "token":
            environment["DOQCHAT_AUTHORIZE"] = "tests.access.authorizing.authorize"
            _sign_in(environment)
        with processes.web(server, **environment) as web:
            yield web, store


def _sign_in(environment: Mapping[str, str]) -> None:
    """Create a user who is signed in."""
    line = [sys.executable, str(processes.ROOT / "manage.py"), "shell", "-c", SIGN_IN]
    processes.completed(line, clean(os.environ) | environment).check_returncode()
