"""What is in the store before the attack: large sessions, texts that are slow to search, and broken records."""

import json
from collections.abc import Callable

import redis

from doqchat.store import keys

ADMIN = "root"

SAID = "attack-said"
LARGE = "attack-large"
MARKED = "attack-marked"

MARKS = "a" + 4_000 * "\u0316\u0300"
"""Marks that normalization sorts: each pair the other way round."""

PIPELINED = 500
BRACKETS = 100_000 * "["
YEAR_584556019 = 2**64 - 1  # the largest id of a stream, in milliseconds


def seed(url: str) -> None:
    """Fill an empty store."""
    with redis.Redis.from_url(url) as client:
        _say(client, SAID, 1_000, lambda number: f"message {number} 안녕하세요! 😊")
        _say(client, LARGE, 20_000, lambda number: f"message {number} " + 60 * "말 ")
        _say(client, MARKED, 100, lambda number: f"{MARKS[:7_900]}{number}")
        for sid, break_it in _BREAKS.items():
            break_it(client, sid)
            client.zadd(keys.SESSIONS, {sid: 1e18 if sid == "broken-future" else 1_800_000_000})


def _say(client: "redis.Redis", sid: str, messages: int, text: Callable[[int], str]) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for number in range(messages):
            pipeline.xadd(keys.stream(sid), {"participant": "A", "body": _body(sid, text(number))})
            if number % PIPELINED == PIPELINED - 1:
                pipeline.execute()
        pipeline.execute()


def _body(sid: str, text: str) -> str:
    hd = {"event": "chat.message", "role": "A", "sid": sid, "timestamp": "2026-01-01T00:00:00Z"}
    return json.dumps({"hd": hd, "bd": {"text": text}}, ensure_ascii=False)


def _entries(*bodies: str) -> Callable[["redis.Redis", str], None]:
    def add(client: "redis.Redis", sid: str) -> None:
        client.xadd(keys.stream(sid), {"participant": "A", "body": _body(sid, "a proper one")})
        for body in bodies:
            client.xadd(keys.stream(sid), {"participant": "A", "body": body})

    return add


def _from_the_future(client: "redis.Redis", sid: str) -> None:
    body = _body(sid, "from the future")
    client.xadd(keys.stream(sid), {"participant": "A", "body": body}, id=f"{YEAR_584556019}-{2**64 - 2}")


def _without_fields(client: "redis.Redis", sid: str) -> None:
    client.xadd(keys.stream(sid), {"other": "field"})


def _with_bytes(client: "redis.Redis", sid: str) -> None:
    client.xadd(keys.stream(sid), {"participant": b"\xff\xfe", "body": b'{"hd":\xff}'})


def _with_settings(client: "redis.Redis", sid: str) -> None:
    junk = {"policy": "perhaps", "llm": 70 * "x", "system": 9_000 * "s", "name_a": "[]@\n", "other": "1", "x": b"\xff"}
    client.hset(keys.settings(sid), mapping=junk)


def _with_reply(client: "redis.Redis", sid: str) -> None:
    client.sadd(keys.replies(sid), "r1-0", "nonsense", b"\xff")
    client.hset(keys.reply(sid, "r1-0"), mapping={"attempt": "many", "state": "?"})


def _of_a_wrong_type(key: Callable[[str], str]) -> Callable[["redis.Redis", str], None]:
    def make(client: "redis.Redis", sid: str) -> None:
        _entries()(client, sid)
        client.delete(key(sid))
        client.set(key(sid), "neither a stream nor a hash")

    return make


_BREAKS: dict[str, Callable[["redis.Redis", str], None]] = {
    "broken-brackets": _entries(BRACKETS),
    "broken-json": _entries("{", "[]", "null", '{"hd":1}', '{"hd":{"event":7},"bd":{"text":[]}}', '{"hd":{},"bd":{}}'),
    "broken-future": _from_the_future,
    "broken-fields": _without_fields,
    "broken-bytes": _with_bytes,
    "broken-settings": _with_settings,
    "broken-reply": _with_reply,
    "wrong-stream": _of_a_wrong_type(keys.stream),
    "wrong-settings": _of_a_wrong_type(keys.settings),
    "wrong-presence": _of_a_wrong_type(keys.presence),
    "wrong-replies": _of_a_wrong_type(keys.replies),
    "wrong-read": _of_a_wrong_type(keys.read_receipts),
}

BROKEN = list(_BREAKS)
"""The sessions with broken records."""
