"""What a connection receives is parsed in slices, and other connections get their turn in between."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from doqchat.serving.paced_reads import SLICE_BYTES, Hold, PacedReads, RoundRobin

MANY = bytes(range(256)) * SLICE_BYTES


class Line(NamedTuple):
    """A connection of which all that is parsed is noted."""

    reads: PacedReads
    parsed: list[bytes]


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    """Two connections of one event loop."""
    loop = asyncio.get_running_loop()
    round_robin = RoundRobin(loop)
    made, ends = [], []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        parsed: list[bytes] = []
        made.append(Line(PacedReads(transport, round_robin, parsed.append), parsed))
        ends.append((transport, theirs))
    yield made
    for transport, theirs in ends:
        transport.abort()
        theirs.close()


async def drained(line: Line, size: int) -> bytes:
    """What was parsed, once it is so much."""
    async with asyncio.timeout(10):
        while sum(map(len, line.parsed)) < size:  # noqa: ASYNC110 - the loop has to turn
            await asyncio.sleep(0)
    return b"".join(line.parsed)


async def test_a_small_read_is_parsed_at_once(lines: list[Line]) -> None:
    lines[0].reads.received(b"small")
    assert lines[0].parsed == [b"small"]


async def test_a_large_read_is_parsed_in_slices_and_in_order(lines: list[Line]) -> None:
    lines[0].reads.received(MANY)
    lines[0].reads.received(b"and more")
    assert await drained(lines[0], len(MANY) + 8) == MANY + b"and more"
    assert max(map(len, lines[0].parsed)) == SLICE_BYTES


async def test_connections_take_turns(lines: list[Line]) -> None:
    order: list[int] = []
    for number, line in enumerate(lines):
        line.reads.parse = lambda data, number=number: order.append(number)
        line.reads.received(bytes(10 * SLICE_BYTES))
    async with asyncio.timeout(10):
        while len(order) < 20:  # noqa: ASYNC110 - the loop has to turn
            await asyncio.sleep(0)
    assert order == [0, 1] * 10


async def test_the_event_loop_turns_while_much_is_parsed(lines: list[Line]) -> None:
    def parse(data: bytes) -> None:
        parsed_by_turn[-1] += 1
        sum(range(20_000))  # as long as a slice of small frames takes

    parsed_by_turn = [0]
    lines[0].reads.parse = parse
    lines[0].reads.received(bytes(64 * SLICE_BYTES))
    while sum(parsed_by_turn) < 64:
        await asyncio.sleep(0)
        parsed_by_turn.append(0)
    assert max(parsed_by_turn) < 64


async def test_nothing_is_parsed_while_there_is_a_reason_to_wait(lines: list[Line]) -> None:
    reads, parsed = lines[0]
    reads.hold(Hold.PEER)
    reads.hold(Hold.APPLICATION)
    reads.received(b"later")
    reads.release(Hold.PEER)
    await asyncio.sleep(0.01)
    assert parsed == []
    reads.release(Hold.APPLICATION)
    assert await drained(lines[0], 5) == b"later"


async def test_a_parser_that_waits_gets_no_more_slices(lines: list[Line]) -> None:
    reads, parsed = lines[0]

    def parse(data: bytes) -> None:
        parsed.append(data)
        reads.hold()

    reads.parse = parse
    reads.received(MANY)
    await asyncio.sleep(0.01)
    assert len(parsed) == 1
    reads.release()
    await drained(lines[0], 2 * SLICE_BYTES)
    assert len(parsed) == 2


async def test_a_parser_that_fails_ends_its_connection_alone(lines: list[Line]) -> None:
    failing, working = lines
    failing.reads.parse = lambda data: [][1]
    failing.reads.received(MANY)
    working.reads.received(MANY)
    assert await drained(working, len(MANY)) == MANY


async def test_what_comes_after_the_end_is_ignored(lines: list[Line]) -> None:
    reads, parsed = lines[0]
    reads.received(MANY)
    reads.discard()
    reads.received(b"more")
    await asyncio.sleep(0.01)
    assert parsed == []
