"""A session to be written, a web process whose store is away, and a superuser."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
import redis
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client

from chat.models import ChatSession
from tests import processes
from tests.chat.fetch import Answer, fetch
from tests.chat.sessions import write_messages
from tests.ports import free_port

Write = Callable[..., list[str]]
Admin = Callable[..., Answer]


@pytest.fixture
def write(store: "redis.Redis", sid: str) -> Write:
    """Stores messages of the session; `write_messages` says how."""
    return partial(write_messages, store, sid)


@pytest.fixture(scope="session")
def stranded_server(django_db_setup: None) -> Iterator[processes.Web]:
    """A web process whose store is away."""
    with processes.web(DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as web:
        yield web


@pytest.fixture
def admin(transactional_db: None) -> Admin:
    """Asks for pages as a superuser: `admin(web, "/admin/…")`, in English."""
    headers = {"Cookie": cookie_of(get_user_model().objects.create_superuser("admin")), "Accept-Language": "en"}

    def ask(web: processes.Web, path: str, method: str = "GET") -> Answer:
        return fetch(web, path, method, headers)

    return ask


@pytest.fixture
def row(transactional_db: None, sid: str) -> ChatSession:
    """The session's row in the admin, as an earlier look at the list has left it."""
    long_ago = datetime(2020, 1, 2, 3, 4, tzinfo=UTC)
    return ChatSession.objects.create(sid=sid, created_at=long_ago, last_activity=long_ago)


def cookie_of(user: AbstractBaseUser) -> str:
    """The header of a browser in which the user is logged in."""
    browser = Client()
    browser.force_login(user)
    return f"sessionid={browser.cookies['sessionid'].value}"
