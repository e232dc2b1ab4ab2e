"""Keys of a session with the wrong type: no stored event is refused, and other sessions work."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.errors import Unreadable
from doqchat.protocol.frames import Frame, parse
from doqchat.store import keys
from doqchat.store.settings import SessionSettings
from doqchat.submission import submit
from tests.conftest import Connect
from tests.processes import Web

JUNK: dict[str, Callable[["redis.Redis", str], Any]] = {
    "a string": lambda store, key: store.set(key, "junk"),
    "a list": lambda store, key: store.rpush(key, "junk"),
    "a sorted set": lambda store, key: store.zadd(key, {"junk": 1}),
}
MESSAGE = parse('{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"@llm hi"}}')
REQUEST = parse('{"hd":{"event":"llm.request","role":"A"},"bd":{"prompt":"hi"}}')
OF_REPLIES = ("replies", "asking", "waiting", "asked", "asked:A", "due", "current")


@pytest.fixture(params=JUNK)
def spoil(request: pytest.FixtureRequest, store: "redis.Redis", sid: str) -> Callable[[str], None]:
    """`spoil("settings")` replaces one of the session's own keys by one of another type."""

    def put(name: str) -> None:
        JUNK[request.param](store, keys.own(sid) + name)

    return put


@pytest.mark.parametrize("frame", [MESSAGE, REQUEST], ids=["message", "request"])
@pytest.mark.parametrize("name", OF_REPLIES)
async def test_a_stored_event_never_gets_an_error(
    engine: Engine, store: "redis.Redis", sid: str, spoil: Callable[[str], None], name: str, frame: Frame
) -> None:
    await engine.settings.change(sid, {"on_new_message": "supersede"})
    spoil(name)
    try:
        appended = await submit(engine, open_access(sid), frame)
    except Unreadable:
        assert not store.exists(keys.stream(sid))
        assert not store.keys(f"{keys.own(sid)}once:*")
    else:
        assert [entry_id for entry_id, _ in store.xrange(keys.stream(sid))] == [appended.id]


@pytest.mark.parametrize("frame", [MESSAGE, REQUEST], ids=["message", "request"])
async def test_settings_of_the_wrong_type_are_the_defaults(
    engine: Engine, store: "redis.Redis", sid: str, spoil: Callable[[str], None], frame: Frame
) -> None:
    spoil("settings")
    appended = await submit(engine, open_access(sid), frame)
    assert await engine.settings.of(sid) == SessionSettings()
    assert [entry_id for entry_id, _ in store.xrange(keys.stream(sid))] == [appended.id]
    waiting = store.hget(keys.own(sid) + "due", "request") or store.hget(f"{keys.reply(sid, f'r{appended.id}')}", "llm")
    assert waiting == (appended.id if frame is MESSAGE else "default")


@pytest.mark.parametrize(
    ("field", "junk"),
    [
        ("policy", "sometimes"),
        ("policy", b"\xff\xfe"),
        ("on_new_message", ""),
        ("llm", ""),
        ("llm", "x" * 65),
        ("llm", "no-longer-there"),
        ("system", "x" * 8_001),
        ("name_a", "[A]"),
        ("name_llm", "x" * 41),
        ("title", "two\nlines"),
        ("unknown_field", "x"),
    ],
)
@pytest.mark.parametrize("frame", [MESSAGE, REQUEST], ids=["message", "request"])
async def test_an_invalid_setting_is_replaced_by_its_default(
    engine: Engine, store: "redis.Redis", sid: str, field: str, junk: str | bytes, frame: Frame
) -> None:
    store.hset(keys.settings(sid), mapping={"name_b": "Minji", field: junk})
    settings = await engine.settings.of(sid)
    assert settings.name_b == "Minji"
    if junk != "no-longer-there":
        assert settings == SessionSettings(name_b="Minji")
    appended = await submit(engine, open_access(sid), frame)
    if frame is REQUEST:
        assert store.hget(keys.reply(sid, f"r{appended.id}"), "llm") == "default"
    else:
        assert store.hget(f"{keys.own(sid)}due", "request") == appended.id


async def test_an_unreadable_idempotency_key_is_a_conflict(engine: Engine, store: "redis.Redis", sid: str) -> None:
    store.set(keys.claim(sid, "user", "m1"), "junk")
    frame = parse('{"hd":{"event":"chat.message","msg_id":"m1"},"bd":{"text":"hi"}}')
    with pytest.raises(Exception, match="msg_id") as raised:
        await submit(engine, open_access(sid), frame)
    assert raised.value.code == "conflict"


@pytest.mark.parametrize("key", ["", "presence", "replies", "read"])
async def test_joining_an_unreadable_session_is_refused_and_other_sessions_work(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str, key: str
) -> None:
    store.set(keys.own(sid) + key if key else keys.stream(sid), "junk")
    refused = await connect(any_server, sid, v1=True)
    error = await refused.recv()
    assert (error["hd"]["event"], error["bd"]["code"]) == ("error", "unreadable")
    assert await refused.close_code() == 1011
    other = await connect(any_server, f"{sid}-2", v1=True)
    await other.say("hello")
    assert (await other.recv_event("chat.message"))["bd"]["text"] == "hello"


async def test_messages_to_a_session_that_became_unreadable_are_refused(
    server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client, other = await connect(server, sid, v1=True), await connect(server, f"{sid}-2", v1=True)
    await client.say("one")
    await client.recv_event("chat.message")
    store.delete(keys.stream(sid))
    store.set(keys.stream(sid), "junk")
    await client.say("two", msg_id="m2")
    error = await client.recv_event("error")
    assert (error["bd"]["code"], error["bd"]["msg_id"]) == ("unreadable", "m2")
    await other.say("hello")
    assert (await other.recv_event("chat.message"))["bd"]["text"] == "hello"


async def test_invalid_replies_and_read_receipts_are_omitted_from_the_welcome(
    server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    store.sadd(keys.replies(sid), "r5-0", "nonsense", "r6-0", "r7-0", "r99999999999999999999-0")
    store.hset(keys.reply(sid, "r6-0"), mapping={"attempt": "many", "state": "streaming"})
    store.hset(keys.reply(sid, "r7-0"), mapping={"attempt": "2", "state": "dreaming"})
    store.hset(keys.read_receipts(sid), mapping={"A": "nonsense"})
    client = await connect(server, sid, v1=True, role="A")
    welcome = await client.recv_event("session.welcome")
    assert [reply["reply_id"] for reply in welcome["bd"]["replies"]] == ["r5-0"]
    await client.say("hello")
    entry_id = (await client.recv_event("chat.message"))["hd"]["id"]
    await client.send("chat.read", {"id": entry_id})
    await client.send("ping")
    await client.recv_event("pong")
    assert store.hget(keys.read_receipts(sid), "A") == entry_id
