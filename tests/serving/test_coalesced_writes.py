"""Writes of one turn of the event loop: the first go out as they come, the others together, all in order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from doqchat.serving.coalesced_writes import AT_ONCE, HELD_BYTES, IN_ALL, CoalescedWrites, Iteration

PIECES = [b"%03d" % number for number in range(20)]


class Line(NamedTuple):
    """Writes, the transport they go to, and the socket at which they arrive."""

    writes: CoalescedWrites
    transport: asyncio.Transport
    peer: socket.socket

    def arrived(self) -> bytes:
        """What has arrived and was not taken yet; the event loop does not run meanwhile."""
        try:
            return self.peer.recv(2 * HELD_BYTES)
        except BlockingIOError:
            return b""

    async def rest(self) -> bytes:
        """All that comes until the writing side is closed."""
        received = b""
        while data := await asyncio.get_running_loop().sock_recv(self.peer, HELD_BYTES):
            received += data
        return received


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    """Connections of one event loop, more than are written to at once."""
    loop = asyncio.get_running_loop()
    iteration = Iteration(loop)
    made = []
    for _ in range(IN_ALL + 2):
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        made.append(Line(CoalescedWrites(transport, iteration), transport, peer))
    yield made
    for line in made:
        line.transport.abort()
        line.peer.close()


@pytest.fixture
def line(lines: list[Line]) -> Line:
    return lines[0]


async def test_the_first_writes_of_a_turn_go_out_at_once_and_the_others_with_its_end(line: Line) -> None:
    for _ in range(2):
        for piece in PIECES:
            line.writes.write(piece)
        assert line.arrived() == b"".join(PIECES[:AT_ONCE])
        await asyncio.sleep(0)
        assert line.arrived() == b"".join(PIECES[AT_ONCE:])


async def test_in_one_turn_only_some_of_many_sockets_are_written_to_at_once(lines: list[Line]) -> None:
    for _ in range(2):
        for piece in PIECES:
            for line in lines:
                line.writes.write(piece)
        at_once = [line.arrived() for line in lines]
        assert at_once == [PIECES[0]] * IN_ALL + [b""] * (len(lines) - IN_ALL)
        await asyncio.sleep(0)
        assert [first + line.arrived() for first, line in zip(at_once, lines, strict=True)] == [b"".join(PIECES)] * len(
            lines
        )


async def test_no_more_is_held_than_may_be(line: Line) -> None:
    pieces = [bytes([number]) * (HELD_BYTES // 4) for number in range(AT_ONCE + 5)]
    for piece in pieces:
        line.writes.write(piece)
    assert line.arrived() == b"".join(pieces)


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_held_writes_arrive_before_the_end(line: Line, end: str) -> None:
    for piece in PIECES:
        line.writes.write(piece)
    getattr(line.writes, end)()
    assert await line.rest() == b"".join(PIECES)


async def test_held_writes_are_discarded_on_abort(line: Line) -> None:
    for piece in PIECES:
        line.writes.write(piece)
    line.writes.abort()
    assert await line.rest() == b"".join(PIECES[:AT_ONCE])


@pytest.mark.parametrize("end", ["close", "write_eof", "abort"])
async def test_what_is_written_after_the_end_is_dropped(line: Line, end: str) -> None:
    line.writes.write(PIECES[0])
    getattr(line.writes, end)()
    for piece in PIECES[1:]:
        line.writes.write(piece)
    for _ in range(2):
        line.writes.close()
        line.writes.write_eof()
    assert line.writes.is_closing()
    assert await line.rest() == PIECES[0]


async def test_a_connection_that_cannot_be_written_to_does_not_keep_others_from_it(lines: list[Line]) -> None:
    for line in lines:
        for piece in PIECES:
            line.writes.write(piece)
    broken, working = lines[:2]
    broken.transport.write_eof()  # behind the back of what is held
    await asyncio.sleep(0)
    assert working.arrived() == b"".join(PIECES)
    assert broken.transport.is_closing()
