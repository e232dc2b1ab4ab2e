"""Turns: many who catch up at once must not hold up those who talk."""

import asyncio
from collections import deque


class Turns:
    """A queue of which one goes on with each turn of the event loop; everything else runs in between.

    After an outage a thousand clients come back in the same second. Each of them needs a few milliseconds of work,
    and if all of it ran as soon as it could, a message of somebody who never left would wait behind it.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def next(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_soon(self._give)
        await turn

    def _give(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._give)
