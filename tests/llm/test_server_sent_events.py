"""Which data a stream of server-sent events has, however it is written and cut."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st

from doqchat.llm.base import LLMError
from doqchat.llm.server_sent_events import read

STREAM = """\
\ufeffdata: {}\r
\r
: a comment

retry: 3000
event: first
id: 7

id: 8
data: 한국어 👩‍👩‍👧\u2028

data:{"a":
data: 1}

event: without data
data:

unknown: field
{
  "error": {
    "code": 503
  }
}

data: last

""".encode()
EVENTS = ["{}", "한국어 👩‍👩‍👧\u2028", '{"a":\n1}', "last"]
BETWEEN = '{  "error": {    "code": 503  }}'


async def events(*parts: bytes, kind: str = "text/event-stream") -> list[str]:
    """What is read of a response that arrives in these parts."""

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return [event.data async for event in read(Response(200, headers={"content-type": kind}, content=body()))]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20).map(sorted))
async def test_the_data_of_each_event_is_read_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    parts = [STREAM[start:end] for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]

    assert await events(*parts) == [*EVENTS, BETWEEN]


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\r"])
async def test_lines_end_in_any_way_and_may_begin_with_a_byte_order_mark(separator: bytes) -> None:
    stream = separator.join([b'data: {"a":', b"data: 1}", b"", b"\xef\xbb\xbfdata: \xef\xbb\xbf{}", b"", b""])

    assert await events(*[stream[place : place + 1] for place in range(len(stream))]) == ['{"a":\n1}', "\ufeff{}"]


async def test_a_last_event_that_nothing_follows_is_read_too() -> None:
    assert await events(b'data: {"a": 1}') == ['{"a": 1}']


async def test_nothing_is_read_behind_the_end_of_the_answer() -> None:
    assert await events(b"data: {}\n\ndata: [DONE]\n\ndata: {}\n\n") == ["{}"]


async def test_a_server_that_keeps_the_connection_open_after_the_end_delays_no_answer() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"data: {}\n\ndata: [DONE]\n\n"
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        assert [event async for event in read(Response(200, content=body()))] == [("{}", "")]


@pytest.mark.parametrize("kind", ["text/html; charset=UTF-8", "text/event-stream"])
@pytest.mark.parametrize(
    "page", [b"<html>", b"\n  <!DOCTYPE html>\n<p>data: {}</p>\n", b"data: {}\n\n<html>504</html>"]
)
async def test_a_web_page_is_not_accepted_as_a_stream(kind: str, page: bytes) -> None:
    with pytest.raises(LLMError, match="a page instead of a stream, of type text/") as caught:
        await events(page, kind=kind)

    assert caught.value.code == "invalid_response"


async def test_a_stream_is_read_whatever_else_its_type_says() -> None:
    stream = "data: 한국어\n\n".encode()

    assert await events(stream, kind="text/event-stream; charset=ISO-8859-1") == ["한국어"]
    assert await events(stream, kind="text/html") == ["한국어"]
