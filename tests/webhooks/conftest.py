"""A site with a store of its own, whose worker sends webhooks, and what happens in its sessions."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chat.access.api_keys import create
from chat.webhooks.models import EventType, WebhookEndpoint
from tests import processes
from tests.chat.fetch import Answer, fetch

QUICK = {"DJANGO_SETTINGS_MODULE": "tests.webhooks.quick", "DOQCHAT_WEBHOOK_PRIVATE_TARGETS": "true"}


class Site:
    """A web process and the URL of its store."""

    def __init__(self, web: processes.Web, store_url: str) -> None:
        self.web, self.store_url = web, store_url

    @contextmanager
    def worker(self) -> Iterator[processes.Process]:
        """A worker that retries soon, and may send to loopback."""
        with processes.llm_worker(self.store_url, **QUICK) as worker:
            yield worker

    def moderate(self, method: str, path: str) -> Answer:
        """Call the API with a new key."""
        headers = {"Authorization": f"Bearer {create(uuid.uuid4().hex, 'sessions')}"}
        return fetch(self.web, f"/api/chat/sessions/{path}", method, headers)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Site]:
    with (
        processes.valkey(tmp_path_factory.mktemp("valkey")) as store,
        processes.web(DOQCHAT_REDIS_URL=store.url) as web,
    ):
        yield Site(web, store.url)


@pytest.fixture(scope="module")
def worker(site: Site) -> Iterator[processes.Process]:
    with site.worker() as process:
        yield process


async def endpoint(url: str, *types: str, **fields: Any) -> WebhookEndpoint:
    """A new endpoint, for all types if none are given."""
    return await WebhookEndpoint.objects.acreate(url=url, types=" ".join(types or EventType.values), **fields)
