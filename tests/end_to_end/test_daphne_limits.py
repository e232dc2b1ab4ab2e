"""What the site on daphne says to those who send too much or break the protocol, and what others notice of it."""

import json
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
import redis

from doqchat.store import keys
from tests.conftest import Connect
from tests.processes import Web
from tests.serving.raw import PING, TEXT, Peer, frame


@pytest.mark.parametrize("length", [64 * 1024 + 1, 64 * 1024 + 2, 64 * 1024 + 3, 64 * 1024 + 4, 1024 * 1024])
async def test_a_frame_of_more_than_64_kib_is_too_large_whatever_it_consists_of(
    daphne_server: Web, connect: Connect, store: "redis.Redis", sid: str, length: int
) -> None:
    client = await connect(daphne_server, sid)
    for character in "a", "é", "가", "😊":
        size = len(character.encode())
        await client.send_raw(character * (length // size) + "a" * (length % size))
        assert (await client.recv())["bd"]["code"] == "too_large"
    assert store.xlen(keys.stream(sid)) == 0
    await client.say("still here")
    assert (await client.recv())["bd"]["text"] == "still here"


@pytest.mark.parametrize("path", ["/", "/api/chat/sessions/{sid}/messages", "/v1/session/chat", "/nowhere"])
def test_a_body_of_3_mib_is_refused_everywhere(daphne_server: Web, store: "redis.Redis", sid: str, path: str) -> None:
    host, _, port = daphne_server.address.partition(":")
    with closing(HTTPConnection(host, int(port))) as connection:
        with suppress(ConnectionError):
            connection.request("POST", path.format(sid=sid), bytes(3 * 2**20), {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "too_large")
    assert store.exists(keys.stream(sid)) == 0
    assert "Traceback" not in daphne_server.process.output


async def test_a_client_that_violates_the_protocol_has_left_and_others_continue(
    daphne_server: Web, connect: Connect, sid: str
) -> None:
    witness = await connect(daphne_server, sid, v1=True, role="A")
    with Peer(daphne_server.address) as peer:
        peer.upgrade(f"/v1/session/chat?sid={sid}&role=B")
        while (await witness.recv_event("presence"))["bd"]["members"] != {"A": 1, "B": 1}:
            pass
        peer.send(frame(PING) + frame(PING) + frame(TEXT, b"\xff") + frame(PING) + frame(PING))
        while (await witness.recv_event("presence"))["bd"]["members"] != {"A": 1}:
            pass
    await witness.say("still here")
    assert (await witness.recv_event("chat.message"))["bd"]["text"] == "still here"
    assert "Traceback" not in daphne_server.process.output


@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1/session/chat", "/v1/session/chat?sid=a&since=x"])
async def test_sockets_that_are_dropped_at_once_leave_no_traceback(daphne_server: Web, path: str) -> None:
    for _ in range(10):
        with Peer(daphne_server.address) as peer:
            peer.upgrade(path)
            peer.send(frame(TEXT, b"\xff"))
    with Peer(daphne_server.address) as peer:  # answered after those before
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.response()[0] == 200
    assert "Traceback" not in daphne_server.process.output
