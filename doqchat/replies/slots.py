"""How much a worker does at the same time."""

import asyncio


class Slots:
    """Room for so many answers by one model on one server.

    Nobody holds a slot while waiting for a request, or who waits for a new one would keep it from one that a dead
    worker has left. So there may be an answer more than slots.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    async def one_is_free(self) -> None:
        """Return as soon as a slot is free."""
        while len(self._answers) >= self._most:
            self._ended.clear()
            await self._ended.wait()

    def fill(self, answer: "asyncio.Task[None]") -> None:
        """Give a slot to an answer, until its task ends."""
        self._answers.add(answer)
        answer.add_done_callback(self._empty)

    def _empty(self, answer: "asyncio.Task[None]") -> None:
        self._answers.discard(answer)
        self._ended.set()
