"""Backoff between attempts, and waiting for the first of several tasks."""

import asyncio
import random
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from doqchat_client.exceptions import Disconnected

SHORTEST = 0.2
LONGEST = 10.0
RESTART, TOO_MANY = 1012, 4429
RESTART_SPREAD = 0.8
"""The longest wait after RESTART: the server itself spreads those over seconds, when there are many."""


class Backoff:
    """Random waits from SHORTEST up to a bound that grows to `longest` seconds, so that many clients do not come at
    the same moment, however long they have waited.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._bound = SHORTEST

    def next(self) -> float:
        """Seconds to wait now."""
        self._bound = min(self._longest, self._bound * 3)
        return random.uniform(SHORTEST, self._bound)

    def reset(self) -> None:
        """Begin again with short waits: it worked."""
        self._bound = SHORTEST

    def after(self, lost: Disconnected) -> float:
        """Seconds to wait after a connection has ended."""
        if lost.retry_after is not None:
            return lost.retry_after + random.uniform(0, SHORTEST)
        if lost.close_code == RESTART:
            return random.uniform(SHORTEST, RESTART_SPREAD)
        if lost.close_code == TOO_MANY:
            return random.uniform(self._longest / 2, self._longest)
        return self.next()


class Waiters:
    """Whether the program waits for something that only the connection can bring.

    Attributes:
        any: set while it does.
    """

    def __init__(self) -> None:
        self.any = asyncio.Event()
        self._count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """It waits inside the block."""
        self._count += 1
        self.any.set()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self.any.clear()


async def first_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Run all until the first is done, then cancel the others; raises the exception of the first."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
