"""A session's stream whose reads take place when a test says so."""

import asyncio

from doqchat.errors import Unavailable
from doqchat.store.stream import Entry, SessionStream


class Read:
    """One read, which is asked and answered in two steps."""

    def __init__(self, sid: str, after: str, count: int) -> None:
        self.asked = sid, after, count
        self.page: list[Entry] | None = None
        self.answer: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()


class SteppedStream:
    """Reads wait before the store is asked, and again before the answer is told."""

    def __init__(self, stream: SessionStream) -> None:
        self._stream = stream
        self._reads: list[Read] = []
        self._stepped = True

    async def read(self, sid: str, after: str, count: int) -> list[Entry]:
        if not self._stepped:
            return await self._stream.read(sid, after, count)
        self._reads.append(Read(sid, after, count))
        return await self._reads[-1].answer

    async def step(self, number: int) -> None:
        """Let one of the reads ask, or have its answer."""
        if read := self._waiting(number):
            if read.page is None:
                read.page = await self._stream.read(*read.asked)
            else:
                read.answer.set_result(read.page)

    def fail(self, number: int) -> None:
        """Tell one of the reads that the store is unreachable."""
        if read := self._waiting(number):
            read.answer.set_exception(Unavailable("The store is unreachable."))

    async def open(self) -> None:
        """Hold up no read any more."""
        self._stepped = False
        while self._waiting(0):
            await self.step(0)

    def _waiting(self, number: int) -> Read | None:
        waiting = [read for read in self._reads if not read.answer.done()]
        return waiting[number % len(waiting)] if waiting else None
