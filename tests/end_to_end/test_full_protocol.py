"""doqchat.v1: welcome, acks, presence, typing, read receipts, replays."""

from typing import Any
from urllib.parse import quote

import pytest
import redis

from doqchat.store import keys
from doqchat.store.settings import SessionSettings
from tests.chat.fetch import fetch, post
from tests.client import Client
from tests.conftest import Connect
from tests.processes import Web


async def join(connect: Connect, web: Web, sid: str, role: str | None = None, **options: Any) -> tuple[Client, Any]:
    """A client of the full protocol, and its welcome."""
    client = await connect(web, sid, v1=True, role=role, **options)
    welcome = await client.recv()
    assert welcome["hd"]["event"] == "session.welcome"
    return client, welcome["bd"]


async def members(client: Client, expected: dict[str, int]) -> None:
    """Returns when the client is told of exactly these members."""
    while (await client.recv_event("presence"))["bd"]["members"] != expected:
        pass


async def test_the_welcome_has_the_state_of_the_session(any_server: Web, connect: Connect, sid: str) -> None:
    first, welcome = await join(connect, any_server, sid, "A")
    assert welcome == {
        "sid": sid,
        "role": "A",
        "name": None,
        "person": None,
        "can": ["ask", "cancel", "configure", "read", "send"],
        "last_id": "0-0",
        "members": {"A": 1},
        "people": [{"role": "A", "name": None, "person": None, "connections": 1}],
        "read": {},
        "replies": [],
        "settings": SessionSettings().model_dump(),
        "gap": None,
    }
    await first.say("hi")
    entry_id = (await first.recv_event("chat.message"))["hd"]["id"]
    await first.send("chat.read", {"id": entry_id})
    await first.send("ping")
    await first.recv_event("pong")
    _, welcome = await join(connect, any_server, sid, "B")
    assert welcome["last_id"] == entry_id
    assert welcome["members"] == {"A": 1, "B": 1}
    assert welcome["read"] == {"A": entry_id}


async def test_a_replay_ends_with_the_last_id_of_the_welcome(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    for text in ("one", "two", "three"):
        assert post(any_server, sid, text).status == 201
    client = await connect(any_server, sid, v1=True, since="0")
    for _ in range(2):
        last_id = (await client.recv_event("session.welcome"))["bd"]["last_id"]
        while (frame := await client.recv_event("chat.message"))["hd"]["id"] != last_id:
            pass
        assert frame["bd"]["text"] == "three"
        await client.send("session.sync", {"since": "0"})
    assert last_id == store.xrevrange(keys.stream(sid), count=1)[0][0]


async def test_a_message_with_a_msg_id_is_acknowledged_with_its_id(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client, _ = await join(connect, any_server, sid)
    await client.say("hi", msg_id="c1-42")
    ack = (await client.recv_event("chat.ack"))["bd"]
    ((entry_id, _),) = store.xrange(keys.stream(sid))
    assert ack == {"msg_id": "c1-42", "id": entry_id, "duplicate": False}


async def test_a_message_sent_twice_is_stored_once_and_acknowledged_twice(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client, _ = await join(connect, any_server, sid)
    for _ in range(2):
        await client.say("hi", msg_id="m1")
    first, again = (await client.recv_event("chat.ack"))["bd"], (await client.recv_event("chat.ack"))["bd"]
    assert (first["duplicate"], again["duplicate"], first["id"]) == (False, True, again["id"])
    assert store.xlen(keys.stream(sid)) == 1


async def test_a_duplicate_is_not_delivered(any_server: Web, connect: Connect, sid: str) -> None:
    client, other = await connect(any_server, sid), await connect(any_server, sid)
    for _ in range(2):
        await client.say("once", msg_id="m1")
    await client.say("last")
    assert [(await other.recv())["bd"]["text"] for _ in range(2)] == ["once", "last"]


async def test_a_msg_id_used_for_something_else_is_a_conflict(any_server: Web, connect: Connect, sid: str) -> None:
    client, _ = await join(connect, any_server, sid)
    await client.say("hi", msg_id="m1")
    await client.say("ho", msg_id="m1")
    error = (await client.recv_event("error"))["bd"]
    assert (error["code"], error["msg_id"]) == ("conflict", "m1")


async def test_a_message_without_a_msg_id_is_not_acknowledged(any_server: Web, connect: Connect, sid: str) -> None:
    client, _ = await join(connect, any_server, sid)
    await client.say("hi")
    await client.send("ping")
    assert "chat.ack" not in {frame["hd"]["event"] for frame in await client.recv_until("pong")}


async def test_presence_follows_who_comes_and_goes(any_server: Web, connect: Connect, sid: str) -> None:
    a, _ = await join(connect, any_server, sid, "A")
    b, _ = await join(connect, any_server, sid, "B")
    await members(a, {"A": 1, "B": 1})
    bare = await connect(any_server, sid, role="B")
    await members(a, {"A": 1, "B": 2})
    await bare.close()
    await members(a, {"A": 1, "B": 1})
    await b.close()
    await members(a, {"A": 1})


async def test_people_with_a_name_are_told_apart_in_presence_and_messages(
    any_server: Web, connect: Connect, sid: str
) -> None:
    a, welcome = await join(connect, any_server, sid, "A", name=quote("민지 😊"))
    assert welcome["name"] == "민지 😊"
    await join(connect, any_server, sid, "A", name=quote("민지 😊"))
    other, welcome = await join(connect, any_server, sid, "A", name="Jun")
    people = [
        {"role": "A", "name": "Jun", "person": None, "connections": 1},
        {"role": "A", "name": "민지 😊", "person": None, "connections": 2},
    ]
    assert welcome["people"] == people
    while (presence := await a.recv_event("presence"))["bd"]["people"] != people:
        pass
    assert presence["bd"]["members"] == {"A": 3}
    await other.send("chat.typing", {"active": True})
    assert (await a.recv_event("chat.typing"))["hd"]["name"] == "Jun"
    await other.say("hi")
    assert (await a.recv_event("chat.message"))["hd"]["name"] == "Jun"


@pytest.mark.parametrize("name", ["x" * 41, "a\u202eb", "a\nb", "[A]", "@llm", "\u2066x"], ids=ascii)
async def test_a_name_that_could_pass_for_something_else_is_refused(
    server: Web, connect: Connect, sid: str, name: str
) -> None:
    client, _ = await join(connect, server, sid, "A")
    await client.say("hi", name=name)
    error = (await client.recv_event("error"))["bd"]
    assert (error["code"], error["field"]) == ("invalid_message", "hd.name")
    await client.say("hi", name="Jun")
    assert (await client.recv_event("chat.message"))["hd"]["name"] == "Jun"
    refused = await connect(server, sid, name=quote(name))
    error = (await refused.recv())["bd"]
    assert (error["code"], error["field"]) == ("invalid_message", "name")
    assert await refused.close_code() == 4400


async def test_typing_reaches_the_others_and_not_who_types(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    a, _ = await join(connect, any_server, sid, "A")
    b, _ = await join(connect, any_server, sid, "B")
    await a.send("chat.typing", {"active": True, "extra": 1})
    typing = await b.recv_event("chat.typing")
    assert (typing["hd"]["role"], typing["bd"]) == ("A", {"active": True, "extra": 1})
    await b.send("chat.typing", {"active": False})
    assert (await a.recv_event("chat.typing"))["hd"]["role"] == "B"
    assert store.xlen(keys.stream(sid)) == 0


@pytest.mark.parametrize("event", ["chat.typing", "chat.read"])
async def test_ephemeral_events_are_relayed_with_all_client_fields(
    any_server: Web, connect: Connect, sid: str, event: str
) -> None:
    a, _ = await join(connect, any_server, sid, "A")
    b, _ = await join(connect, any_server, sid, "B")
    await a.say("hi")
    said = (await a.recv_event("chat.message"))["hd"]["id"]
    own = {"timestamp": "2026-11-22T10:00:00+09:00", "device": {"name": "안녕"}, "role": "A"}
    await a.send(event, {"active": True, "id": said}, **own, id="5-5", prev="4-4", sid="other")
    relayed = await b.recv_event(event)
    assert relayed == {"hd": {"event": event, **own, "sid": sid}, "bd": {"active": True, "id": said}}


async def test_a_read_receipt_is_relayed_and_never_moves_back(any_server: Web, connect: Connect, sid: str) -> None:
    a, _ = await join(connect, any_server, sid, "A")
    b, _ = await join(connect, any_server, sid, "B")
    ids = []
    for text in ("1", "2"):
        await a.say(text)
        ids.append((await b.recv_event("chat.message"))["hd"]["id"])
    await b.send("chat.read", {"id": ids[1]})
    await b.send("chat.read", {"id": ids[0]})
    await b.send("chat.typing", {"active": False})
    frames = [frame for frame in await a.recv_until("chat.typing") if frame["hd"]["event"] == "chat.read"]
    assert [(frame["hd"]["role"], frame["bd"]["id"]) for frame in frames] == [("B", ids[1])]
    _, welcome = await join(connect, any_server, sid)
    assert welcome["read"] == {"B": ids[1]}


async def test_a_read_receipt_of_each_person_of_a_role_is_relayed(any_server: Web, connect: Connect, sid: str) -> None:
    a, _ = await join(connect, any_server, sid, "A")
    people = {name: (await join(connect, any_server, sid, "B"))[0] for name in ("Ada", "Minji")}
    await a.say("hi")
    said = (await a.recv_event("chat.message"))["hd"]["id"]
    for name, client in people.items():
        for _ in range(2):
            await client.send("chat.read", {"id": said}, name=name)
        await client.send("chat.typing", {"active": False})
        frames = [frame["hd"] for frame in await a.recv_until("chat.typing") if frame["hd"]["event"] == "chat.read"]
        assert [hd["name"] for hd in frames] == [name]


@pytest.mark.parametrize("v1", [True, False])
async def test_since_replays_what_came_after_and_goes_live(
    any_server: Web, connect: Connect, sid: str, v1: bool
) -> None:
    client = await connect(any_server, sid)
    for number in range(150):
        await client.say(str(number))
    ids = [(await client.recv())["hd"]["id"] for _ in range(150)]
    for since, seen in (("0", 0), ("0-0", 0), (ids[0], 1), (ids[-2], 149), (ids[-1], 150)):
        late = await connect(any_server, sid, v1=v1, since=since)
        await client.say("live")
        ids.append((await client.recv())["hd"]["id"])
        frames = [await late.recv_event("chat.message") for _ in ids[seen:]]
        assert [frame["hd"]["id"] for frame in frames] == ids[seen:]
        assert [frame["hd"]["prev"] for frame in frames] == ["0-0", *ids][seen:-1]


async def test_the_welcome_reports_a_gap_if_requested_events_are_no_longer_stored(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    ids = []
    for text in "abc":
        await client.say(text)
        ids.append((await client.recv())["hd"]["id"])
    store.xtrim(keys.stream(sid), maxlen=1, approximate=False)
    late, welcome = await join(connect, any_server, sid, since=ids[0])
    assert welcome["gap"] == {"since": ids[0], "oldest_id": ids[2]}
    assert (await late.recv_event("chat.message"))["hd"]["id"] == ids[2]
    _, welcome = await join(connect, any_server, sid, since=ids[2])
    assert welcome["gap"] is None


async def test_a_sync_replays_on_the_open_connection(any_server: Web, connect: Connect, sid: str) -> None:
    client, _ = await join(connect, any_server, sid)
    for text in "abc":
        await client.say(text)
    ids = [(await client.recv_event("chat.message"))["hd"]["id"] for _ in "abc"]
    await client.send("session.sync", {"since": ids[0]})
    assert [(await client.recv_event("chat.message"))["hd"]["id"] for _ in "bc"] == ids[1:]
    await client.say("d")
    assert (await client.recv_event("chat.message"))["bd"]["text"] == "d"


@pytest.mark.parametrize("v1", [True, False])
@pytest.mark.parametrize("bd", [{}, {"n": [1, None, "안녕"]}, None, "text", 5])
async def test_a_ping_comes_back_as_it_went(any_server: Web, connect: Connect, sid: str, bd: Any, v1: bool) -> None:
    client = await connect(any_server, sid, v1=v1)
    await client.send("ping", bd)
    assert (await client.recv_event("pong"))["bd"] == ({} if bd is None else bd)


async def test_a_rate_limited_client_gets_retry_after_and_can_still_talk(
    any_server: Web, connect: Connect, sid: str
) -> None:
    client = await connect(any_server, sid)
    for _ in range(60):
        await client.send("ping")
    answers = [await client.recv() for _ in range(60)]
    limited = [answer["bd"] for answer in answers if answer["hd"]["event"] == "error"]
    assert [answer["hd"]["event"] for answer in answers[:50]] == ["pong"] * 50
    assert {(error["code"], error["retry_after"] >= 1) for error in limited} == {("rate_limited", True)}
    await client.say("hi")
    assert (await client.recv())["bd"]["text"] == "hi"


async def test_members_are_told_who_has_changed_the_settings(server: Web, connect: Connect, sid: str) -> None:
    a, _ = await join(connect, server, sid, "A")
    for query, who in (("", ("user", None)), (f"?role=B&name={quote('민지')}", ("B", "민지"))):
        path = f"/api/chat/sessions/{sid}{query}"
        assert fetch(server, path, "PATCH", {"Content-Type": "application/json"}, b'{"policy":"off"}').status == 200
        changed = await a.recv_event("session.settings")
        assert (changed["hd"]["role"], changed["hd"].get("name"), changed["bd"]) == (*who, {"policy": "off"})
    assert fetch(server, f"{path}%0A", "PATCH", {"Content-Type": "application/json"}, b"{}").status == 400
