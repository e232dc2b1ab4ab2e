"""Whatever a client sends, it gets an error, goes on, and writes nothing to the store."""

import json
from typing import Any

import pytest
import redis

from doqchat.limits.connection import ANSWERED, EPHEMERAL, REFUSED
from doqchat.store import keys
from tests.client import Client
from tests.conftest import Connect
from tests.processes import Web


def message(value: str) -> str:
    """A message whose `bd.text` is this JSON."""
    return '{"hd": {"event": "chat.message", "msg_id": "m1"}, "bd": {"text": ' + value + "}}"


BAD: dict[str, tuple[str | bytes, str]] = {
    "malformed": ('{"hd": {"event"', "invalid_json"),
    "an array": ("[]", "invalid_message"),
    "a number": ("42", "invalid_message"),
    "a string": ('"chat.message"', "invalid_message"),
    "null": ("null", "invalid_message"),
    "a binary frame": (message('"hi"').encode(), "invalid_message"),
    "an empty frame": ("", "invalid_json"),
    "an empty binary frame": (b"", "invalid_message"),
    "70 KiB": (message(f'"{"가" * (70 * 1024 // 3)}"'), "too_large"),
    "a byte less than 1 MiB": ("x" * (1024 * 1024 - 1), "too_large"),
    "100 levels deep": ("[" * 100 + "]" * 100, "invalid_json"),
    "100,000 levels deep": ("[" * 50_000, "invalid_json"),
    "NaN": (message("NaN"), "invalid_json"),
    "Infinity": (message("-Infinity"), "invalid_json"),
    "1e999": (message("1e999"), "invalid_json"),
    "a 5,000-digit number": (message("1" * 5_000), "invalid_json"),
    "a lone surrogate": (message(r'"\ud83d"'), "invalid_json"),
    "a byte order mark": ("\ufeff" + message('"hi"'), "invalid_json"),
    "a raw control character": (message('"\x01"'), "invalid_json"),
    "no hd": ('{"bd": {"text": "hi"}}', "invalid_message"),
    "an unknown event": ('{"hd": {"event": "chat.shout"}, "bd": {"text": "hi"}}', "unknown_event"),
    "an event of the server's": ('{"hd": {"event": "llm.response"}, "bd": {"text": "hi"}}', "unknown_event"),
    "a handler's name": ('{"hd": {"event": "websocket.disconnect"}, "bd": {}}', "unknown_event"),
    "a missing text": ('{"hd": {"event": "chat.message"}, "bd": {}}', "invalid_message"),
    "an empty text": (message('""'), "invalid_message"),
    "a text of 8,001 characters": (message(f'"{"a" * 8_001}"'), "invalid_message"),
    "a text that is no text": (message('{"a": 1}'), "invalid_message"),
    "role llm": ('{"hd": {"event": "chat.message", "role": "llm"}, "bd": {"text": "hi"}}', "role_forbidden"),
    "role C": ('{"hd": {"event": "chat.message", "role": "C"}, "bd": {"text": "hi"}}', "invalid_message"),
    "a msg_id of 65 characters": (
        json.dumps({"hd": {"event": "chat.message", "msg_id": "x" * 65}, "bd": {"text": "hi"}}),
        "invalid_message",
    ),
    "a model that is not there": (
        '{"hd": {"event": "llm.request"}, "bd": {"prompt": "x", "llm": "y"}}',
        "invalid_message",
    ),
    "a reply that is not there": ('{"hd": {"event": "llm.cancel"}, "bd": {"reply_id": "r1-1"}}', "not_found"),
    "an id that is not there": ('{"hd": {"event": "chat.read"}, "bd": {"id": "1-1"}}', "not_found"),
}


def traces(store: "redis.Redis", sid: str) -> set[Any]:
    """What the store keeps of a session, but for who is in it."""
    return {key for key in store.scan_iter(f"*{sid}*", count=1_000) if key != keys.presence(sid)}


async def goes_on(client: Client) -> bool:
    await client.say("still here")
    return bool((await client.recv())["bd"]["text"] == "still here")


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_gets_an_error_and_the_connection_stays_open(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str, name: str
) -> None:
    data, code = BAD[name]
    client, other = await connect(any_server, sid), await connect(any_server, sid)
    await client.send_raw(data)
    error = await client.recv()
    assert (error["hd"]["event"], error["bd"]["code"]) == ("error", code)
    assert error["bd"]["message"]
    assert "Traceback" not in error["bd"]["message"]
    assert traces(store, sid) == set()
    assert await goes_on(client)
    assert (await other.recv())["bd"]["text"] == "still here"
    assert store.xlen(keys.stream(sid)) == 1


async def test_an_error_names_the_field_and_the_msg_id(any_server: Web, connect: Connect, sid: str) -> None:
    client = await connect(any_server, sid)
    await client.send("chat.message", {"text": ""}, msg_id="m1")
    error = (await client.recv())["bd"]
    assert (error["field"], error["msg_id"]) == ("bd.text", "m1")


async def test_a_burst_of_bad_input_is_answered_frame_by_frame(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    expected = [code for _, code in BAD.values()]
    for data, _ in BAD.values():
        await client.send_raw(data)
    assert [(await client.recv())["bd"]["code"] for _ in BAD] == expected
    assert traces(store, sid) == set()
    assert await goes_on(client)


@pytest.mark.parametrize(
    "data", ["{", b"{", '{"hd": {"event": "ping"}}', '{"hd": {"event": "chat.typing"}, "bd": {"active": 1}}']
)
async def test_a_connection_that_keeps_sending_refused_frames_is_closed_with_4429(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str, data: str | bytes
) -> None:
    client, other = await connect(any_server, sid), await connect(any_server, sid)
    for _ in range(2 * (EPHEMERAL.most + REFUSED.most)):  # the rates allow more while the server takes them
        await client.send_raw(data)
    errors = [answer["bd"] for answer in await client.recv_to_the_end() if answer["hd"]["event"] == "error"]
    assert client.connection.close_code == 4429
    assert ANSWERED.most < len(errors) < REFUSED.most
    assert (errors[-1]["code"], errors[-1]["retry_after"] >= 1) == ("rate_limited", True)
    assert traces(store, sid) == set()
    assert await goes_on(other)


async def test_a_message_in_fragments_is_one_message(any_server: Web, connect: Connect, sid: str) -> None:
    client = await connect(any_server, sid)
    await client.connection.send(['{"hd": {"event": "chat.mess', 'age"}, "bd": {"text": "안', '녕"}}'])
    assert (await client.recv())["bd"]["text"] == "안녕"


async def test_a_frame_of_more_than_1_mib_closes_with_1009(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    await client.send_raw("x" * (1024 * 1024 + 1))
    assert await client.close_code() == 1009
    assert traces(store, sid) == set()


async def test_a_text_frame_that_is_not_utf_8_closes_with_1007(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    await client.connection.send(message('"\udcff"').encode(errors="surrogateescape"), text=True)
    assert await client.close_code() == 1007
    assert traces(store, sid) == set()
