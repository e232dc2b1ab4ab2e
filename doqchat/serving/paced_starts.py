"""Throttles new requests and handshakes, so that bursts delay neither connected clients nor other addresses."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from doqchat.limits.addresses import address_of

Application = Callable[[Any, Any, Any], Awaitable[None]]

LONG_SECONDS = 0.001
"""Duration of an event loop iteration that leaves no time for another start: connected clients wait for it."""

LATEST_SECONDS = 0.02
"""How long a start waits for a shorter iteration: others must be able to connect to a busy process, too."""


class PacedStarts:
    """ASGI middleware that starts at most one request or handshake per event loop iteration, and none in a long one.

    A request costs a hundred times as much as a frame, in several iterations. Those that have started make iterations
    long, so as many run concurrently as the process can serve without delaying frames. In an idle process iterations
    are short, and there is no delay.

    Addresses take turns, so that one with a thousand requests delays another by one. Those of one address start in
    order of arrival.

    Args:
        application: the wrapped application.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting: OrderedDict[str | None, deque[asyncio.Future[None]]] = OrderedDict()
        self._scheduled = False
        self._iterated = 0.0
        self._started = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] in ("http", "websocket"):
            await self._turn(address_of(scope))
        await self._application(scope, receive, send)

    async def _turn(self, address: str | None) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        if not self._scheduled:
            self._iterated = perf_counter()
            self._schedule()
        await turn

    def _schedule(self) -> None:
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._iterate)

    def _iterate(self) -> None:
        before, self._iterated = self._iterated, perf_counter()
        if self._iterated < before + LONG_SECONDS or self._iterated >= self._started + LATEST_SECONDS:
            self._started = self._iterated
            self._start_next()
        self._scheduled = False
        if self._waiting:
            self._schedule()

    def _start_next(self) -> None:
        while self._waiting:
            address, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[address] = turns
            if not turn.done():
                turn.set_result(None)
                break
