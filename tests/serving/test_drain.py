"""A web process that is told to end lets its sockets go one after the other."""

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect

from tests import processes

SOCKETS = 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_not_all_sockets_are_told_in_the_same_moment_to_come_back(
    kind: str, store_url: str, django_db_setup: None, sid: str
) -> None:
    async with AsyncExitStack() as stack:
        web = stack.enter_context(processes.web(kind))
        address = f"{web.ws}/v1/session/chat?sid={sid}"
        sockets = [await stack.enter_async_context(connect(address)) for _ in range(SOCKETS)]
        closings = [asyncio.create_task(socket.wait_closed()) for socket in sockets]
        web.process.send_signal(signal.SIGTERM)
        told, others = await asyncio.wait(closings, return_when=asyncio.FIRST_COMPLETED)
        assert len(told) < len(others)
        await asyncio.wait_for(asyncio.gather(*closings), timeout=20)
        assert {socket.close_code for socket in sockets} == {1012}
        assert web.process.wait() == 0
