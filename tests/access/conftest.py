"""A site that requires tokens, on a separate store."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests import processes
from tests.access.credentials import JWKS, SHARED
from tests.processes import Web


@pytest.fixture(scope="package")
def guarded_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Store]:
    with processes.valkey(tmp_path_factory.mktemp("guarded")) as store:
        yield store


@pytest.fixture
def guarded_client(guarded_store: processes.Store) -> Iterator["redis.Redis"]:
    """A client of the site's store."""
    with closing(redis.Redis.from_url(guarded_store.url, decode_responses=True)) as client:
        yield client


@pytest.fixture(scope="package")
def access(guarded_store: processes.Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The site's variables; with DEBUG it logs each request."""
    jwks: Path = tmp_path_factory.mktemp("keys") / "jwks.json"
    jwks.write_text(JWKS)
    return {
        "DOQCHAT_ACCESS": "token",
        "DOQCHAT_TOKEN_KEY": SHARED,
        "DOQCHAT_TOKEN_JWKS": str(jwks),
        "DOQCHAT_AUTHORIZE": "tests.access.authorizing.authorize",
        "DOQCHAT_REDIS_URL": guarded_store.url,
        "DEBUG": "true",
        "LOG_LEVEL": "DEBUG",
    }


@pytest.fixture(scope="package")
def guarded(access: dict[str, str], django_db_setup: None) -> Iterator[Web]:
    """A web process of the site on uvicorn."""
    with processes.web("uvicorn", **access) as web:
        yield web


@pytest.fixture(scope="package")
def guarded_daphne(access: dict[str, str], django_db_setup: None) -> Iterator[Web]:
    """A web process of the site on daphne."""
    with processes.web("daphne", **access) as web:
        yield web


@pytest.fixture(params=["uvicorn", "daphne"])
def any_guarded(request: pytest.FixtureRequest) -> Web:
    """A web process of the site on each of the servers in turn."""
    web: Web = request.getfixturevalue({"uvicorn": "guarded", "daphne": "guarded_daphne"}[request.param])
    return web
