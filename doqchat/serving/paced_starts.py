"""Throttles new requests and handshakes, so that bursts delay neither connected clients nor other addresses."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from doqchat.limits.addresses import address_of

Application = Callable[[Any, Any, Any], Awaitable[None]]


class PacedStarts:
    """ASGI middleware that starts one request or handshake per event loop iteration.

    Addresses take turns, so that one with a thousand requests delays another by one. Those of one address start in
    order of arrival.

    A request costs a hundred times as much as a frame. In an idle process iterations are short, so there is no delay.

    Args:
        application: the wrapped application.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting: OrderedDict[str | None, deque[asyncio.Future[None]]] = OrderedDict()
        self._scheduled = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] in ("http", "websocket"):
            await self._turn(address_of(scope))
        await self._application(scope, receive, send)

    async def _turn(self, address: str | None) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._begin)
        await turn

    def _begin(self) -> None:
        while self._waiting:
            address, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[address] = turns
            if not turn.done():
                turn.set_result(None)
                break
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._begin)
