"""Requests that arrive together start one by one, in different iterations, and none in long iterations."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from doqchat.limits.addresses import SCOPE_KEY
from doqchat.serving import paced_starts
from doqchat.serving.paced_starts import PacedStarts

REQUESTS = 20


class Application:
    """Notes in which turn of the event loop each connection began."""

    def __init__(self) -> None:
        self.turn = 0
        self.begun: list[tuple[str, int]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append((scope["path"], self.turn))

    async def count_turns(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)


async def test_requests_begin_in_order_and_in_different_turns() -> None:
    application = Application()
    paced = PacedStarts(application)
    counting = asyncio.create_task(application.count_turns())
    scopes = [{"type": ("http", "websocket")[number % 2], "path": str(number)} for number in range(REQUESTS)]
    await asyncio.gather(*(paced(scope, None, None) for scope in scopes))
    counting.cancel()
    assert [path for path, _ in application.begun] == [scope["path"] for scope in scopes]
    assert len({turn for _, turn in application.begun}) == REQUESTS


async def test_a_request_that_is_cancelled_before_it_began_takes_no_turn() -> None:
    application = Application()
    paced = PacedStarts(application)
    requests = [
        asyncio.create_task(paced({"type": "http", "path": str(number)}, None, None)) for number in range(REQUESTS)
    ]
    await asyncio.sleep(0)
    for request in requests[:-1]:
        request.cancel()
    async with asyncio.timeout(5):
        await requests[-1]
    for request in requests:
        with suppress(asyncio.CancelledError):
            await request
    assert application.begun[-1][0] == str(REQUESTS - 1)
    assert len(application.begun) <= 2


async def test_an_address_with_many_requests_delays_another_by_one() -> None:
    application = Application()
    paced = PacedStarts(application)
    many = [{"type": "websocket", "path": f"many {number}", SCOPE_KEY: "192.0.2.1"} for number in range(REQUESTS)]
    few = [{"type": "http", "path": f"few {number}", SCOPE_KEY: "192.0.2.2"} for number in range(2)]
    await asyncio.gather(*(paced(scope, None, None) for scope in many + few))
    paths = [path for path, _ in application.begun]
    assert paths[:5] == ["many 0", "few 0", "many 1", "few 1", "many 2"]
    assert len(paths) == REQUESTS + 2


class BusyLoop:
    """Makes every iteration of the event loop long, until it is cancelled."""

    def __init__(self) -> None:
        self.iterations = 0
        self.has_worked = asyncio.Event()

    async def run(self) -> None:
        while True:
            self._work()
            await asyncio.sleep(0)

    def _work(self) -> None:
        time.sleep(2 * paced_starts.LONG_SECONDS)
        self.iterations += 1
        if self.iterations == REQUESTS:
            self.has_worked.set()


async def test_nothing_starts_while_iterations_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced_starts, "LATEST_SECONDS", 3600.0)
    application, busy = Application(), BusyLoop()
    paced = PacedStarts(application)
    await paced({"type": "http", "path": "before"}, None, None)
    working = asyncio.create_task(busy.run())
    request = asyncio.create_task(paced({"type": "websocket", "path": "meanwhile"}, None, None))
    await busy.has_worked.wait()
    assert [path for path, _ in application.begun] == ["before"]
    working.cancel()
    async with asyncio.timeout(5):
        await request
    assert [path for path, _ in application.begun] == ["before", "meanwhile"]


async def test_requests_start_in_a_process_whose_iterations_are_always_long() -> None:
    application, busy = Application(), BusyLoop()
    paced = PacedStarts(application)
    working = asyncio.create_task(busy.run())
    async with asyncio.timeout(5):
        await asyncio.gather(*(paced({"type": "http", "path": str(n)}, None, None) for n in range(REQUESTS)))
    working.cancel()
    assert len(application.begun) == REQUESTS
