"""The body of a request: how large it may be, and how long it may take."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from doqchat.serving.connection_limits import ADMIN_BODY_BYTES, BODY_BYTES
from tests import processes
from tests.processes import Web
from tests.serving.peer import Peer, peer

API = "/api/chat/sessions/bodies/messages"
ADMIN = "/admin/login/"
ENVELOPE = b'{"hd": {"event": "chat.message"}, "bd": {"text": "hi"}}'


@pytest.fixture(scope="module")
def web(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A web process on uvicorn that does not wait long for bodies."""
    with processes.web("uvicorn", DJANGO_SETTINGS_MODULE="tests.end_to_end.short_bodies") as web:
        yield web


def head(path: str, *lines: str) -> bytes:
    """The head of a POST with JSON."""
    return "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *lines, "", ""]
    ).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def refused(client: Peer) -> tuple[int, str]:
    """The status and the code of an error; the connection ends with it."""
    status = await client.status()
    return status, json.loads(await client.rest())["error"]["code"]


@pytest.mark.parametrize(("path", "limit"), [(API, BODY_BYTES), ("/", BODY_BYTES), (ADMIN, ADMIN_BODY_BYTES)])
async def test_a_body_that_is_too_large_is_answered_with_413(web: Web, path: str, limit: int) -> None:
    async with peer(web) as client:
        await client.send(head(path, f"Content-Length: {limit + 1}"))
        assert await refused(client) == (413, "too_large")
    async with peer(web) as client:
        await client.send(head(path, "Transfer-Encoding: chunked"))
        sending = asyncio.create_task(client.send(chunk(bytes(1024)) * (limit // 1024 + 100)))
        assert await refused(client) == (413, "too_large")
        await asyncio.wait([sending])


@pytest.mark.parametrize(("path", "limit"), [(API, BODY_BYTES), (ADMIN, ADMIN_BODY_BYTES)])
async def test_a_body_of_the_largest_size_reaches_the_application(web: Web, path: str, limit: int) -> None:
    async with peer(web) as client:
        await client.send(head(path, f"Content-Length: {limit}") + b" " * limit)
        assert await client.status() in (400, 403)


async def test_a_body_in_chunks_is_taken_as_a_whole(web: Web) -> None:
    async with peer(web) as client:
        chunks = b"".join(chunk(ENVELOPE[place : place + 1]) for place in range(len(ENVELOPE)))
        await client.send(head(API, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
        assert await client.status() == 201


async def test_a_refused_body_is_not_asked_for(web: Web) -> None:
    async with peer(web) as client:
        await client.send(head(API, f"Content-Length: {BODY_BYTES + 1}", "Expect: 100-continue"))
        assert await refused(client) == (413, "too_large")


async def test_a_body_that_is_asked_for_is_taken(web: Web) -> None:
    async with peer(web) as client:
        await client.send(head(API, f"Content-Length: {len(ENVELOPE)}", "Expect: 100-continue"))
        assert await client.status() == 100
        await client.send(ENVELOPE)
        assert await client.status() == 201


@pytest.mark.parametrize(
    ("lines", "begun"),
    [
        (["Content-Length: 100"], b""),
        (["Content-Length: 100"], b"{"),
        (["Content-Length: 100", "Expect: 100-continue"], b""),
        (["Transfer-Encoding: chunked"], b""),
        (["Transfer-Encoding: chunked"], chunk(b"{")),
        (["Transfer-Encoding: chunked"], chunk(b"{") + b"0\r\nTrailer: "),
    ],
)
async def test_a_body_that_is_not_complete_in_time_is_answered_with_408(
    web: Web, lines: list[str], begun: bytes
) -> None:
    async with peer(web) as client:
        await client.send(head(API, *lines) + begun)
        if "Expect: 100-continue" in lines:
            assert await client.status() == 100
        assert await refused(client) == (408, "request_timeout")


async def test_a_body_that_comes_a_byte_at_a_time_has_no_more_time(web: Web) -> None:
    async def trickle() -> None:
        while True:
            await client.send(chunk(b" "))
            await asyncio.sleep(0.05)

    async with peer(web) as client:
        await client.send(head(API, "Transfer-Encoding: chunked"))
        trickling = asyncio.create_task(trickle())
        assert await refused(client) == (408, "request_timeout")
        trickling.cancel()
        await asyncio.wait([trickling])


async def test_a_client_that_goes_in_the_middle_of_a_body_leaves_no_line_in_the_log(web: Web) -> None:
    printed = len(web.process.output)
    async with peer(web) as client:
        await client.send(head(API, "Content-Length: 100") + b"{")
    async with peer(web) as client:
        await client.send(head(API, f"Content-Length: {len(ENVELOPE)}") + ENVELOPE)
        assert await client.status() == 201
    assert web.process.output[printed:] == ""
