"""A member's outbox is ordered and bounded, and never blocks the sender."""

import asyncio
from sys import getsizeof

import pytest

from doqchat.fanout.member import OUTBOX_BYTES, TOO_SLOW
from tests.fanout.socket import Socket


async def test_a_frame_is_written_synchronously_to_a_socket_that_reads() -> None:
    socket = Socket()
    socket.member.release()
    socket.member.push("1")
    assert socket.written() == ["1"]


async def test_no_frame_is_sent_before_the_release_and_the_first_frame_comes_first() -> None:
    socket = Socket()
    socket.member.push("2")
    socket.member.push("3")
    await asyncio.sleep(0)
    assert socket.written() == []
    socket.member.release("1")
    socket.member.push("4")
    assert [await socket.text() for _ in range(4)] == ["1", "2", "3", "4"]


async def test_frames_are_queued_in_order_for_a_socket_that_does_not_read() -> None:
    socket = Socket()
    socket.member.release()
    socket.reads.clear()
    for number in range(5):
        socket.member.push(str(number))
    assert socket.written() == []
    socket.reads.set()
    socket.member.push("5")
    assert [await socket.text() for _ in range(6)] == ["0", "1", "2", "3", "4", "5"]
    socket.member.push("6")
    assert await socket.text() == "6"


@pytest.mark.parametrize("character", ["x", "가", "😀"])
async def test_a_full_outbox_closes_the_member_once(character: str) -> None:
    socket = Socket()
    socket.member.release()
    socket.reads.clear()
    frame = character * 1024
    socket.member.push(frame)  # in flight, because the socket does not read
    for _ in range(OUTBOX_BYTES // getsizeof(frame)):
        socket.member.push(frame)
    assert (socket.dropped, socket.member.closed) == ([], False)
    for _ in range(3):
        socket.member.push(frame)
    assert (socket.dropped, socket.member.closed) == ([TOO_SLOW], True)
    socket.reads.set()
    await asyncio.sleep(0)
    assert socket.written() == []


async def test_the_outbox_has_room_again_after_frames_were_sent() -> None:
    socket = Socket()
    socket.member.release()
    half = "x" * (OUTBOX_BYTES // 2)
    for _ in range(4):
        socket.reads.clear()
        socket.member.push("1")
        socket.member.push(half)
        socket.reads.set()
        assert [await socket.text(), await socket.text()] == ["1", half]
        await asyncio.sleep(0)
    assert socket.dropped == []


async def test_a_member_is_behind_until_its_socket_has_taken_all_frames() -> None:
    socket = Socket()
    socket.member.release()
    socket.member.push("1")
    assert not socket.member.behind
    socket.reads.clear()
    socket.member.push("2")
    assert socket.member.behind
    waiting = asyncio.create_task(socket.member.drained())
    socket.reads.set()
    await asyncio.wait_for(waiting, 5)
    assert not socket.member.behind
    assert socket.written() == ["1", "2"]


async def test_drained_returns_when_the_member_is_closed() -> None:
    socket = Socket()
    socket.member.release()
    socket.reads.clear()
    socket.member.push("1")
    waiting = asyncio.create_task(socket.member.drained())
    await asyncio.sleep(0)
    socket.member.close()
    await asyncio.wait_for(waiting, 5)


async def test_a_closed_member_ignores_further_frames() -> None:
    socket = Socket()
    socket.member.release()
    socket.member.close()
    socket.member.push("1")
    assert socket.written() == []
