"""`POST /api/chat/sessions/{sid}/messages`: to say something without a socket."""

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
import redis

from doqchat.store import keys
from tests.chat.fetch import fetch
from tests.client import WITHIN
from tests.conftest import Connect
from tests.processes import Web

HELLO = {"hd": {"event": "chat.message", "role": "A", "msg_id": "c1-42"}, "bd": {"text": "안녕하세요! 😊"}}


def post(web: Web, sid: str, body: Any, content_type: str = "application/json") -> tuple[int, Any]:
    """The status and the JSON of the answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = f"/api/chat/sessions/{sid}/messages"
    answer = fetch(web, path, "POST", {"Content-Type": content_type}, data)
    return answer.status, answer.json


async def test_posted_messages_reach_the_sockets(any_server: Web, connect: Connect, sid: str) -> None:
    listener = await connect(any_server, sid)
    status, said = post(any_server, sid, HELLO)
    frame = await listener.recv()
    assert (status, said) == (201, {"id": frame["hd"]["id"], "duplicate": False})
    assert (frame["hd"]["role"], frame["bd"]) == ("A", HELLO["bd"])


async def test_what_was_sent_over_a_socket_and_is_posted_again_is_stored_once(
    server: Web, second_server: Web, connect: Connect, sid: str, store: "redis.Redis"
) -> None:
    client = await connect(server, sid)
    await client.say(HELLO["bd"]["text"], role="A", msg_id="c1-42")
    entry_id = (await client.recv())["hd"]["id"]
    assert post(second_server, sid, HELLO) == (200, {"id": entry_id, "duplicate": True})
    assert store.xlen(keys.stream(sid)) == 1


def test_a_used_msg_id_with_other_content_is_a_conflict(server: Web, sid: str, store: "redis.Redis") -> None:
    post(server, sid, HELLO)
    status, answer = post(server, sid, {**HELLO, "bd": {"text": "something else"}})
    assert (status, answer["error"]["code"], answer["error"]["msg_id"]) == (409, "conflict", "c1-42")
    assert store.xlen(keys.stream(sid)) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b"[]", 400, "invalid_message"),
        ({"hd": {"event": "chat.message"}, "bd": {}}, 400, "invalid_message"),
        ({"hd": {"event": "chat.message", "role": "llm"}, "bd": {"text": "a"}}, 403, "role_forbidden"),
        ({"hd": {"event": "chat.typing"}, "bd": {"active": True}}, 400, "unknown_event"),
        ({"hd": {"event": "nonsense"}, "bd": {}}, 400, "unknown_event"),
        ({"hd": {"event": "llm.request"}, "bd": {"prompt": "a", "llm": "nobody"}}, 400, "invalid_message"),
        (b" " * 70_000, 413, "too_large"),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_stored(
    server: Web, sid: str, store: "redis.Redis", body: Any, status: int, code: str
) -> None:
    answered, answer = post(server, sid, body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert not store.exists(keys.stream(sid))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("size", [100_000, 4_000_000])
def test_a_large_body_is_refused_though_its_size_is_not_announced(
    server: Web, sid: str, method: str, size: int
) -> None:
    path = f"/api/chat/sessions/{sid}" + ("/messages" if method == "POST" else "")
    with closing(HTTPConnection(server.address, timeout=WITHIN)) as connection:
        pieces = (b" " * 10_000 for _ in range(size // 10_000))
        connection.request(method, path, pieces, {"Content-Type": "application/json"}, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, json.load(response)["error"]["code"]) == (413, "too_large")


def test_a_form_of_another_site_cannot_speak_here(server: Web, sid: str, store: "redis.Redis") -> None:
    status, answer = post(server, sid, HELLO, content_type="text/plain")
    assert (status, answer["error"]["code"]) == (400, "invalid_message")
    assert not store.exists(keys.stream(sid))


def test_a_bad_sid_is_refused(server: Web) -> None:
    status, answer = post(server, "a%20b", HELLO)
    assert (status, answer["error"]["field"]) == (400, "sid")
