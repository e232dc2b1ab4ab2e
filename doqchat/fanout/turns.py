"""Turns: many who come at once must not hold up those who talk."""

import asyncio
from collections import deque

PAUSE_SECONDS = 0.002
"""Between one turn and the next: everything else runs meanwhile, and the store and the kernel get their share."""

MOST_AT_ONCE = 3
"""How many go on together where the pause was longer than that because the process is busy: those who wait would be
ever more."""

CROWD = 1_000
"""For each so many who wait, one more goes on at a time: nobody gives up because it takes too long."""


class Turns:
    """A queue whose head goes on, then pauses.

    After an outage a thousand clients come back in the same second. Each of them needs a millisecond of work, and if
    all of it ran as soon as it could, a message of somebody who never left would wait behind it.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.Handle | None = None
        self._due = 0.0

    async def next(self) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if self._next is None:
            self._due = loop.time()
            self._next = loop.call_soon(self._give)
        await turn

    def _give(self) -> None:
        self._next = None
        now = asyncio.get_running_loop().time()
        left = min(1 + int((now - self._due) / PAUSE_SECONDS), MOST_AT_ONCE) + len(self._waiting) // CROWD
        self._due = now + PAUSE_SECONDS
        while self._waiting and left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                left -= 1
                self._next = self._next or asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._give)
