"""A server that answers every request with the bytes that a test gives it, sensible or not."""

import asyncio
from collections.abc import Callable, Iterable

from tests.stand_ins.wire import BrokenConnectionError, Request, Response, Server

Answer = Callable[[], Iterable[bytes | float]]
"""Makes the parts of a response: bytes, and the seconds for which the server pauses between them."""

FOREVER = float("inf")
"""As a pause: the connection stays open and nothing more is sent."""


class HostileStandIn(Server):
    """`requests` are those that have come; `asked` is set by the first, `left` by a client that leaves in mid-answer.
    `written` counts the bytes of all answers.
    """

    def __init__(self, answer: Answer = tuple) -> None:
        super().__init__()
        self.says = answer
        self.requests: list[Request] = []
        self.written = 0
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def answer(self, request: Request, response: Response, reader: asyncio.StreamReader) -> None:
        self.requests.append(request)
        self.asked.set()
        try:
            for part in self.says():
                if isinstance(part, bytes):
                    await response.raw(part)
                    self.written += len(part)
                await self._pause(part, reader)
        except ConnectionError:
            self.left.set()
            raise
        raise BrokenConnectionError

    async def _pause(self, part: bytes | float, reader: asyncio.StreamReader) -> None:
        if part == FOREVER:
            await reader.read()
            raise ConnectionResetError
        await asyncio.sleep(0 if isinstance(part, bytes) else part)


def head(status: str, *lines: str) -> bytes:
    """The head of a response."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")
