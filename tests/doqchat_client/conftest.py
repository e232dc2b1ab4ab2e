"""The reference client before real servers, over lines that can be troubled."""

from collections.abc import AsyncIterator

import pytest
import redis
from doqchat_client import waiting

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import SessionLog
from tests.processes import Web
from tests.proxy import Proxy


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients come back sooner than they would."""
    monkeypatch.setattr(waiting, "SHORTEST", 0.02)
    monkeypatch.setattr(waiting, "RESTART_SPREAD", 0.1)


@pytest.fixture
async def line(server: Web) -> AsyncIterator[Proxy]:
    async with Proxy(server.address).serving() as line:
        yield line


@pytest.fixture
async def relay(server: Web) -> AsyncIterator[Relay]:
    async with Relay(server.ws).serving() as relay:
        yield relay


@pytest.fixture
def log(store: "redis.Redis", sid: str) -> SessionLog:
    return SessionLog(store, sid)
