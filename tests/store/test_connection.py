"""Parsing responses on a connection that redis-py has opened."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

from doqchat.store.connection import ResponseProtocol


class Kept(ResponseProtocol):
    """Collects all responses."""

    def __init__(self) -> None:
        super().__init__(decode=True)
        self.answers: list[Any] = []
        self.writer: asyncio.StreamWriter

    def take(self, answer: Any) -> bool:
        self.answers.append(answer)
        return True


async def taken_over(*, closing: bool) -> tuple[Kept, socket.socket]:
    """A connection that was taken over, optionally after it was closed, and its other end."""
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    if closing:
        writer.transport.abort()
        await asyncio.sleep(0)
    kept = Kept()
    kept.writer = writer  # keeps the connection open
    kept.take_over(SimpleNamespace(_writer=writer))
    return kept, theirs


async def test_a_connection_that_is_closed_during_setup_has_ended() -> None:
    kept, theirs = await taken_over(closing=True)
    theirs.close()
    kept.writer.close()
    assert kept.ended


async def test_responses_are_parsed_until_the_connection_closes() -> None:
    kept, theirs = await taken_over(closing=False)
    assert not kept.ended
    theirs.sendall(b"+OK\r\n:1\r\n$3\r\nab")
    theirs.sendall(b"c\r\n")
    theirs.close()
    async with asyncio.timeout(5):
        while not kept.ended:  # noqa: ASYNC110 - only the attribute shows it
            await asyncio.sleep(0)
    kept.writer.close()
    assert kept.answers == ["OK", 1, "abc"]
