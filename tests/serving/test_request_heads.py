"""The head of a request on uvicorn: how long it may be, and how long it may take."""

import asyncio
from collections.abc import Iterable

import pytest

from doqchat.serving.connection_limits import HEAD_BYTES
from tests.processes import Web
from tests.serving.peer import UPGRADE, peer

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
NOT_READ, READ = b"POST /healthz" + CHUNKED, b"POST /read" + CHUNKED

ENDLESS = {
    "the first line": (b"GET /", b"a"),
    "a header line": (GET + b"X: ", b"a"),
    "header lines": (GET, b"A: b\r\n"),
    "lines before the first": (b"", b"\r\n"),
    "a header's name": (GET, b"a"),
    "a trailer line": (READ + b"0\r\nX: ", b"a"),
    "trailer lines": (READ + b"0\r\n", b"A: b\r\n"),
    "the extension of a chunk": (READ + b"1;", b"a"),
}

UNFINISHED = {
    "nothing": [],
    "half a line": [b"GET / HT"],
    "half a head": [GET],
    "empty lines": [b"\r\n"] * 100,
    "a byte at a time": [bytes([byte]) for byte in GET * 2],
    "half a handshake": [b"GET /echo HTTP/1.1\r\n" + UPGRADE.encode()],
}


def padded(size: int) -> bytes:
    """A head of this size."""
    start = GET + b"Connection: close\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_head_without_end_is_answered_with_431(hurried: Web, name: str) -> None:
    start, piece = ENDLESS[name]
    async with peer(hurried) as client:
        await client.send(start + piece * (2 * HEAD_BYTES // len(piece)))
        assert await client.status() == 431
        assert b"too_large" in await client.rest()


async def test_a_head_of_the_largest_size_is_taken_and_one_byte_more_is_not(hurried: Web) -> None:
    for size, status in [(HEAD_BYTES, 200), (HEAD_BYTES + 1, 431)]:
        async with peer(hurried) as client:
            await client.send(padded(size))
            assert await client.status() == status


async def test_a_handshake_with_a_long_line_is_answered(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.open("/echo?" + "a" * 12_000)


async def test_a_head_that_is_not_complete_in_time_is_answered_with_408(hurried: Web) -> None:
    async def answer_to(pieces: Iterable[bytes]) -> tuple[int, bytes]:
        async def trickle() -> None:
            for piece in pieces:
                await client.send(piece)
                await asyncio.sleep(0.05)

        async with peer(hurried) as client:
            trickling = asyncio.create_task(trickle())
            answer = await client.status(), await client.rest()
            trickling.cancel()
            await asyncio.wait([trickling])
        return answer

    for name, answer in zip(UNFINISHED, await asyncio.gather(*map(answer_to, UNFINISHED.values())), strict=True):
        assert answer[0] == 408, name
        assert b"request_timeout" in answer[1], name


async def test_a_second_head_has_the_same_time(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.send(GET + b"\r\n")
        assert await client.status() == 200
        await client.send(GET)
        rest = await client.rest()
    assert b"HTTP/1.1 408 " in rest


@pytest.mark.parametrize("body", ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"])
async def test_a_handshake_with_a_body_is_refused(hurried: Web, body: str) -> None:
    async with peer(hurried) as client:
        await client.send(f"GET /echo HTTP/1.1\r\n{UPGRADE}{body}\r\n".encode())
        assert await client.status() == 400


async def test_a_connection_ends_with_the_response_to_a_body_that_was_not_read(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.send(NOT_READ + b"1\r\na\r\n")
        assert await client.status() == 200
        await client.rest()


async def test_pipelined_requests_are_answered_in_order(hurried: Web) -> None:
    requests = 500
    async with peer(hurried) as client:
        await client.send((GET + b"\r\n") * (requests - 1) + b"GARBAGE\r\n\r\n")
        rest = await client.rest()
    assert rest.count(b"HTTP/1.1 200 ") == requests - 1


@pytest.mark.slow
async def test_a_peer_that_does_not_read_responses_is_cut_off(hurried: Web) -> None:
    async def ask() -> None:
        while True:
            await client.send((GET + b"\r\n") * 1_000)

    async with peer(hurried, limit=1024) as client:
        with pytest.raises(ConnectionError):
            await ask()


async def test_a_request_that_is_not_http_logs_one_line(hurried: Web) -> None:
    before = len(hurried.process.output)
    async with peer(hurried) as client:
        await client.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert await client.status() == 400
    assert hurried.process.output[before:].count("\n") == 1
