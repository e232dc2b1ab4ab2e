"""A session's stream whose reads a test controls."""

import asyncio

from doqchat.errors import Unavailable
from doqchat.store.reader import Entry
from doqchat.store.stream import SessionStream


class Read:
    """One read in two steps: request and response."""

    def __init__(self, sid: str, after: str, count: int) -> None:
        self.asked = sid, after, count
        self.page: list[Entry] | None = None
        self.answer: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()


class SteppedStream:
    """Blocks each read before its request and before its response."""

    def __init__(self, stream: SessionStream) -> None:
        self._stream = stream
        self._reads: list[Read] = []
        self._stepped = True
        self.counts = stream.counts

    async def read(self, sid: str, after: str, count: int) -> list[Entry]:
        if not self._stepped:
            return await self._stream.read(sid, after, count)
        self._reads.append(Read(sid, after, count))
        return await self._reads[-1].answer

    async def step(self, number: int) -> None:
        """Let one of the reads send its request or receive its response."""
        if read := self._waiting(number):
            if read.page is None:
                read.page = await self._stream.read(*read.asked)
            else:
                read.answer.set_result(read.page)

    def fail(self, number: int) -> None:
        """Let one of the reads fail, as if the store were unreachable."""
        if read := self._waiting(number):
            read.answer.set_exception(Unavailable("The store is unreachable."))

    async def open(self) -> None:
        """Let all reads proceed."""
        self._stepped = False
        while self._waiting(0):
            await self.step(0)

    def _waiting(self, number: int) -> Read | None:
        waiting = [read for read in self._reads if not read.answer.done()]
        return waiting[number % len(waiting)] if waiting else None
