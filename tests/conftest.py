"""What all tests share: one store, the processes that serve it, and clients. Each starts when it is first asked for."""

import gc
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from typing import Any

import hypothesis
import pytest
import pytest_django
import redis
from django.conf import settings
from django.test.utils import setup_databases, teardown_databases
from websockets.asyncio.client import connect as open_socket

from doqchat.engine import Engine
from doqchat.engine import engine as running_engine
from tests import processes
from tests.client import WITHIN, Client
from tests.spare_stores import SpareStores

Connect = Callable[..., Awaitable[Client]]

# A shell has SIGINT ignored by what it runs in the background, and so would everything that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# On a loaded machine anything can take long; nothing of that is a fault of what is tested.
hypothesis.settings.register_profile(
    "default", deadline=None, max_examples=50, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("default")
hypothesis.settings.register_profile("long", hypothesis.settings(max_examples=2_000))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what is collected: none of it ends before the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix() -> None:
    """Nothing: each of the processes that share the tests has a data directory of its own (tests/settings.py)."""


@pytest.fixture(scope="session", autouse=True)
def django_db_setup(django_test_environment: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """The database, which the processes that tests start share. pytest-django's own only knows marked tests."""
    with django_db_blocker.unblock():
        names = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(names, verbosity=0)


@pytest.fixture(scope="session")
def store_url() -> Iterator[str]:
    """The URL of a real Valkey that all tests share; each keeps to sessions of its own (`sid`)."""
    (url,) = settings.DOQCHAT["STORE_URLS"]
    with processes.valkey(settings.DATA_DIR / "valkey", processes.port_of(url)):
        yield url


@pytest.fixture(scope="session")
def store(store_url: str) -> Iterator["redis.Redis"]:
    """A client of the store, to look behind the scenes."""
    with closing(redis.Redis.from_url(store_url, decode_responses=True)) as client:
        yield client


@pytest.fixture(scope="session")
def cluster() -> bool:
    """Whether the stores of tests are nodes of a Redis Cluster; packages override this."""
    return False


@pytest.fixture(scope="session")
def all_spare_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, SpareStores]]:
    """Stores for tests that need one to themselves: nodes of a cluster, and others."""
    with ExitStack() as running:
        yield {kind: SpareStores(tmp_path_factory.mktemp("stores"), kind, running) for kind in (True, False)}


@pytest.fixture
def spare_stores(all_spare_stores: dict[bool, SpareStores], cluster: bool) -> SpareStores:
    """Lends stores to the test."""
    return all_spare_stores[cluster]


@pytest.fixture
def own_store(spare_stores: SpareStores) -> Iterator[processes.Store]:
    """A Valkey of the test's own."""
    with spare_stores.lent() as store:
        yield store


@pytest.fixture
def own_client(own_store: processes.Store) -> Iterator["redis.Redis"]:
    """A client of the test's own Valkey."""
    with closing(redis.Redis.from_url(own_store.url, decode_responses=True)) as client:
        yield client


@pytest.fixture(scope="session")
def server(store_url: str, django_db_setup: None) -> Iterator[processes.Web]:
    """A web process on uvicorn."""
    with processes.web("uvicorn") as web:
        yield web


@pytest.fixture(scope="session")
def second_server(store_url: str, django_db_setup: None) -> Iterator[processes.Web]:
    """Another web process on the same store."""
    with processes.web("uvicorn") as web:
        yield web


@pytest.fixture(scope="session")
def daphne_server(store_url: str, django_db_setup: None) -> Iterator[processes.Web]:
    """A web process on daphne."""
    with processes.web("daphne") as web:
        yield web


@pytest.fixture(params=["uvicorn", "daphne"])
def any_server(request: pytest.FixtureRequest) -> processes.Web:
    """A web process on each of the servers in turn."""
    web: processes.Web = request.getfixturevalue({"uvicorn": "server", "daphne": "daphne_server"}[request.param])
    return web


@pytest.fixture(scope="session")
def worker(store_url: str) -> Iterator[processes.Process]:
    """A worker; it answers as the demo model."""
    with processes.llm_worker(store_url) as process:
        yield process


@pytest.fixture
def sid() -> str:
    """A session that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens sockets, and closes them at the end.

    `await connect(web, sid, v1=True, role="A", since="0")`: query parameters that are None are left out; `headers`
    and `origin` are what websockets' `connect` takes.
    """
    async with AsyncExitStack() as stack:

        async def open_client(web: processes.Web, sid: str | None, *, v1: bool = False, **options: Any) -> Client:
            handshake = {name: options.pop(name) for name in ("headers", "origin") if name in options}
            query = {"sid": sid, **options}
            url = f"{web.ws}/v1/session/chat?" + "&".join(f"{k}={v}" for k, v in query.items() if v is not None)
            connecting = open_socket(
                url,
                subprotocols=["doqchat.v1"] if v1 else None,
                additional_headers=handshake.get("headers"),
                origin=handshake.get("origin"),
                open_timeout=WITHIN,
                close_timeout=WITHIN,
                compression=None,
                max_queue=None,
                max_size=None,
                proxy=None,
            )
            return Client(await stack.enter_async_context(connecting))

        yield open_client


@pytest.fixture
async def engine(store_url: str) -> AsyncIterator[Engine]:
    """The engine of the test's event loop, on the shared store."""
    current = running_engine()
    yield current
    await current.close()
