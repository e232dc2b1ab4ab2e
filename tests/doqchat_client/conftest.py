"""The reference client before real servers, over lines that can be troubled."""

from collections.abc import AsyncIterator

import pytest
import redis

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import SessionLog
from tests.processes import Web
from tests.proxy import Proxy


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
