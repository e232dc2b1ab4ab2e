"""A separate site for replies, whose workers tests kill and whose model answers at a chosen pace."""

import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import override_settings

from doqchat.engine import Engine
from doqchat.store import keys
from tests import processes
from tests.spare_stores import SpareStores

WORKERS = 2
CONCURRENCY = 4


@dataclass
class Site:
    """A store, a web process and workers; the models are a stand-in for Gemini and the demo."""

    store_url: str
    store: "redis.Redis"
    environment: Mapping[str, str]
    gemini_url: str
    stack: ExitStack
    workers: list[processes.Process] = field(default_factory=list)

    def fill(self) -> None:
        """Start workers until there are WORKERS."""
        self.workers = [worker for worker in self.workers if worker.running]
        while len(self.workers) < WORKERS:
            starting = processes.llm_worker(self.store_url, **self.environment)
            self.workers.append(self.stack.enter_context(starting))

    def stored(self, sid: str, *events: str) -> list[Any]:
        """The session's stored envelopes of these events, each with its id."""
        entries = [(entry_id, json.loads(fields["body"])) for entry_id, fields in self.store.xrange(keys.stream(sid))]
        return [{**envelope, "id": entry_id} for entry_id, envelope in entries if envelope["hd"]["event"] in events]

    def calls(self, text: str) -> list[Any]:
        """The requests to the model that contain this text."""
        with urllib.request.urlopen(f"{self.gemini_url}/requests", timeout=10) as response:
            return [call for call in json.loads(response.read()) if text in json.dumps(call, ensure_ascii=False)]

    def holder(self, request_id: str) -> processes.Process:
        """The worker that is answering a request to the default model."""
        (reply,) = self.store.scan_iter(f"*:reply:r{request_id}")
        lease = self.store.hget(reply, "lease") or ""
        (worker,) = [worker for worker in self.workers if f"-{worker.pid}-" in lease]
        return worker


@pytest.fixture(scope="session")
def cluster() -> bool:
    """Use cluster mode; what it permits also works on the single server that all other tests use."""
    return True


@pytest.fixture(scope="package")
def whole_site(tmp_path_factory: pytest.TempPathFactory, cluster: bool) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("replies")
    with ExitStack() as stack:
        gemini_url = stack.enter_context(processes.gemini())
        url = stack.enter_context(processes.valkey(directory / "valkey", cluster=cluster)).url
        client = stack.enter_context(closing(redis.Redis.from_url(url, decode_responses=True)))
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.replies.short_lease",
            "GEMINI_API_KEY": "right-key",
            "GEMINI_BASE_URL": gemini_url,
        }
        yield Site(url, client, environment, gemini_url, stack)


@pytest.fixture
def site(whole_site: Site) -> Site:
    """The site with all its workers; killed ones are replaced."""
    whole_site.fill()
    return whole_site


@pytest.fixture(scope="package")
def web(whole_site: Site, django_db_setup: None) -> Iterator[processes.Web]:
    """The site's web process."""
    with processes.web(DOQCHAT_REDIS_URL=whole_site.store_url, **whole_site.environment) as web:
        yield web


@pytest.fixture
def queue(own_client: "redis.Redis") -> "redis.Redis":
    """A client of the test's own store, which no worker serves."""
    return own_client


@pytest.fixture
def stores(spare_stores: SpareStores) -> Iterator[list[processes.Store]]:
    """Two stores."""
    with spare_stores.lent() as first, spare_stores.lent() as second:
        yield [first, second]


@pytest.fixture
async def own_engine(own_store: processes.Store) -> AsyncIterator[Engine]:
    """An engine on that store."""
    with override_settings(
        DOQCHAT={**settings.DOQCHAT, "STORE_URLS": [own_store.url]}, CHANNEL_LAYERS=settings.CHANNEL_LAYERS
    ):
        engine = Engine()
        yield engine
        await engine.close()


@pytest.fixture
async def make_engine(whole_site: Site) -> AsyncIterator[Callable[..., Engine]]:
    """Makes engines on the given stores, with the stand-in as the model of all aliases.

    Keyword arguments are settings in REPLIES; the default of CONCURRENCY is that of this module.
    """
    model = {
        "BACKEND": "doqchat.llm.google_genai.GoogleGenAI",
        "MODEL": "stand-in",
        "API_KEY": "right-key",
        "BASE_URL": whole_site.gemini_url,
    }
    async with AsyncExitStack() as stack:

        def make(*stores: processes.Store, aliases: Sequence[str] = ("default",), **replies: Any) -> Engine:
            doqchat = {
                "STORE_URLS": [store.url for store in stores],
                "LLMS": dict.fromkeys(aliases, model),
                "REPLIES": {"CONCURRENCY": CONCURRENCY, **replies},
            }
            changed = override_settings(DOQCHAT=doqchat, CHANNEL_LAYERS=settings.CHANNEL_LAYERS)
            changed.enable()
            stack.callback(changed.disable)
            engine = Engine()
            stack.push_async_callback(engine.close)
            return engine

        yield make
