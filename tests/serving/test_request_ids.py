"""One id for all that is logged while a request, a socket or a reply is handled."""

import asyncio
import re
from contextlib import closing
from typing import Any

import pytest
import redis

from doqchat.conf import doqchat_settings
from doqchat.request_ids import request_id
from doqchat.serving.request_ids import RequestIds
from doqchat.store.shards import Shards
from tests import processes
from tests.chat.fetch import fetch
from tests.client import WITHIN
from tests.conftest import Connect

GENERATED = re.compile("[0-9a-f]{32}")
TOKEN_IN_URL = "/api/chat/history/room?token=abc"


async def logged(process: processes.Process, words: str, count: int = 1) -> list[str]:
    """The lines of a process with these words, when there are so many."""
    async with asyncio.timeout(WITHIN):
        while True:
            lines = [line for line in process.output.splitlines() if words in line]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


async def id_of(headers: list[tuple[bytes, bytes]], client: tuple[str, int] | None, kind: str = "http") -> str:
    """The id of a connection with these headers from this client, of a site whose proxy is 10.0.0.0/8."""
    seen = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_id.get())

    await RequestIds(application, proxies=["10.0.0.0/8"])(
        {"type": kind, "headers": headers, "client": client},
        None,
        None,  # type: ignore[arg-type]
    )
    assert request_id.get() == ""
    return seen[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("client", [("10.1.2.3", 1), ("::ffff:10.1.2.3", 1), None])
async def test_the_id_of_a_trusted_proxy_is_kept(kind: str, client: tuple[str, int] | None) -> None:
    assert await id_of([(b"x-request-id", b"Root=1-67891233:abc")], client, kind) == "Root=1-67891233:abc"


@pytest.mark.parametrize("value", [b"", b"a b", b"-a", b"a\n", b"\xea", b"\xec\x95\x88", b"a" * 129, b"a;b", b"a,b"])
async def test_an_invalid_id_is_replaced(value: bytes) -> None:
    assert GENERATED.fullmatch(await id_of([(b"x-request-id", value)], ("10.1.2.3", 1)))


async def test_of_two_ids_none_is_kept() -> None:
    assert GENERATED.fullmatch(await id_of([(b"x-request-id", b"a"), (b"x-request-id", b"b")], ("10.1.2.3", 1)))


async def test_the_id_of_a_client_is_replaced() -> None:
    assert GENERATED.fullmatch(await id_of([(b"x-request-id", b"mine")], ("192.0.2.1", 1)))


async def test_a_response_has_the_id_with_which_the_request_is_logged(any_server: processes.Web, sid: str) -> None:
    refused = fetch(any_server, TOKEN_IN_URL, headers={"X-Request-ID": sid})
    assert (refused.status, refused.headers["X-Request-ID"]) == (403, sid)
    assert len(await logged(any_server.process, f" x-request-id={sid}", 2)) == 2  # chat's own and Django's
    generated = [fetch(any_server, TOKEN_IN_URL).headers["X-Request-ID"] for _ in range(2)]
    assert generated[0] != generated[1]
    for each in generated:
        assert GENERATED.fullmatch(each)
        await logged(any_server.process, f" x-request-id={each}")


async def test_all_lines_of_a_socket_have_its_id(any_server: processes.Web, connect: Connect, sid: str) -> None:
    client = await connect(any_server, sid, headers={"X-Request-ID": sid}, token="abc")
    assert await client.close_code() == 4403
    assert len(await logged(any_server.process, f" x-request-id={sid}")) == 1


async def test_what_serves_all_sockets_does_not_log_the_id_of_the_one_that_started_it(
    any_server: processes.Web, connect: Connect, sid: str, store_url: str
) -> None:
    await connect(any_server, sid, headers={"X-Request-ID": sid})
    channel = Shards(doqchat_settings().store_urls).of(sid).channel(sid)
    with closing(redis.Redis.from_url(store_url)) as client:
        client.publish(channel, b"no msgpack")
    (line,) = await logged(any_server.process, f"A message on {channel} could not be handled.")
    assert "x-request-id=" not in line
