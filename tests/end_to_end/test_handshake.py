"""Opening the socket: what is refused, and how."""

from contextlib import suppress

import pytest
import redis
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from tests.client import Client
from tests.conftest import Connect
from tests.processes import Web


async def refused(client: Client) -> tuple[str, str | None, int | None]:
    """The refusal's code and field, and the code that the server closes with."""
    error = await client.recv()
    assert error["hd"]["event"] == "error"
    assert error["bd"]["message"]
    return error["bd"]["code"], error["bd"].get("field"), await client.close_code()


@pytest.mark.parametrize(
    "sid", [None, "", "a" * 65, "a%20b", "a+b", "a/b", "a%00", "a%0A", "%ED%95%9C", "{a}", "*", "a:b", "%FF"], ids=repr
)
async def test_a_missing_or_bad_sid_is_an_error_and_closes_with_4400(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str | None
) -> None:
    before = set(store.scan_iter("*chat:session:*"))
    assert await refused(await connect(any_server, sid)) == ("invalid_message", "sid", 4400)
    assert set(store.scan_iter("*chat:session:*")) <= before


@pytest.mark.parametrize("sid", ["a", "A.b_c-9", "0" * 64])
async def test_a_good_sid_is_taken(any_server: Web, connect: Connect, sid: str) -> None:
    client = await connect(any_server, sid, v1=True)
    assert (await client.recv())["bd"]["sid"] == sid


@pytest.mark.parametrize("since", ["", "x", "-1", "1", "$", "+", "5-5-5", "1700641234567-", "18446744073709551616-0"])
async def test_a_bad_since_is_an_error_and_closes_with_4400(
    any_server: Web, connect: Connect, sid: str, since: str
) -> None:
    assert await refused(await connect(any_server, sid, since=since)) == ("invalid_message", "since", 4400)


@pytest.mark.parametrize(
    ("role", "code"), [("C", "invalid_message"), ("", "invalid_message"), ("llm", "role_forbidden")]
)
async def test_a_reserved_role_gets_an_error_and_closes_with_4400(
    any_server: Web, connect: Connect, sid: str, role: str, code: str
) -> None:
    assert await refused(await connect(any_server, sid, role=role)) == (code, "role", 4400)


async def test_frames_after_a_refused_handshake_have_no_effect(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid, since="x")
    with suppress(ConnectionClosed):
        await client.say("hi")
    assert (await client.recv())["hd"]["event"] == "error"
    assert await client.close_code() == 4400
    assert store.keys(f"*{sid}*") == []


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["doqchat.v1"], "doqchat.v1"),
        (["bearer.c2VjcmV0", "doqchat.v1"], "doqchat.v1"),
        (["other", "doqchat.v1"], "doqchat.v1"),
    ],
)
async def test_the_full_protocol_is_chosen_by_its_subprotocol(
    any_server: Web, sid: str, offered: list[str], chosen: str
) -> None:
    async with open_socket(f"{any_server.ws}/v1/session/chat?sid={sid}", subprotocols=offered) as socket:
        assert socket.subprotocol == chosen
        assert (await Client(socket).recv())["hd"]["event"] == "session.welcome"


async def test_a_subprotocol_that_the_server_does_not_know_is_not_echoed(any_server: Web, sid: str) -> None:
    offered = ["bearer.c2VjcmV0"]
    async with open_socket(f"{any_server.ws}/v1/session/chat?sid={sid}", subprotocols=offered) as socket:
        assert socket.subprotocol is None
        client = Client(socket)
        await client.say("hi")
        assert (await client.recv())["hd"]["event"] == "chat.message"
