"""What something else has written to the store: it spoils no list, page or request but its own line."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from chat.models import ChatSession
from doqchat.store import keys
from tests.chat.admin_pages import SESSIONS, cells, ids
from tests.chat.commands import run
from tests.chat.conftest import Admin, Write
from tests.chat.fetch import fetch, history
from tests.chat.sessions import write_messages
from tests.processes import Web

DEEP = "[" * 150 + "]" * 150
BODIES = {
    "nothing": "",
    "100,000 brackets": "[" * 100_000,
    "100,000 objects": '{"a":' * 100_000,
    "a list": "[]",
    "a string": '"hd"',
    "a number": "9" * 5_000,
    "hd is a list": '{"hd":[],"bd":{}}',
    "hd is null": '{"hd":null}',
    "hd is empty": '{"hd":{},"bd":{}}',
    "event is a number": '{"hd":{"event":1},"bd":{"text":"x"}}',
    "event is a list": '{"hd":{"event":["chat.message"]},"bd":{"text":"x"}}',
    "bd is null": '{"hd":{"event":"chat.message"},"bd":null}',
    "bd is a list": '{"hd":{"event":"chat.message"},"bd":[]}',
    "bd is missing": '{"hd":{"event":"chat.message"}}',
    "text is an object": '{"hd":{"event":"chat.message"},"bd":{"text":{"text":"x"}}}',
    "text is a surrogate": '{"hd":{"event":"chat.message"},"bd":{"text":"\\ud800"}}',
    "text is nested": '{"hd":{"event":"chat.message"},"bd":{"text":' + DEEP + "}}",
    "NaN": '{"hd":{"event":"chat.message"},"bd":{"text":NaN}}',
    "a large number": '{"bd":{"text":1e999},"hd":{"event":"chat.message"}}',
    "two hd": '{"hd":{},"hd":{"event":"chat.message"},"bd":{"text":"x"}}',
    "two hd, one spelt otherwise": '{"hd":{"a":1},"h\\u0064":{"event":"chat.message"},"bd":{"text":"x"}}',
    "the code of an error is a list": '{"hd":{"event":"llm.error"},"bd":{"text":"x","code":[1]}}',
    "the model is an object": '{"hd":{"event":"llm.response"},"bd":{"text":"x","model":{},"finish_reason":[]}}',
    "the end of a mute is in no other time zone": '{"hd":{"event":"session.notice"},"bd":{"code":"muted","text":"x",'
    '"until":"9999-12-31T23:59:59Z"}}',
    "controls": '{"hd":{"event":"chat.message"},"bd":{"text":"\x1b[2J\x9b2J"}}',
}
Listed = Callable[[list[Any], Any], None]
LATE = ["18446744073709551614-1", "18446744073709551615-1"]


@pytest.fixture
def written(store: "redis.Redis", sid: str, write: Write) -> list[str]:
    """The ids of two messages of the session, around one entry of each kind of body, role and time."""
    first = write(("A", "before"))
    for body in BODIES.values():
        store.xadd(keys.stream(sid), {"participant": "A", "body": body})
    store.xadd(keys.stream(sid), {"something": "else"})
    store.xadd(keys.stream(sid), {"participant": b"\xff\x00\x1b[2J<b>", "body": b"\xff\xfe"})
    store.xadd(keys.stream(sid), {"participant": "A", "body": "x"}, id=LATE[0])
    return first + write(("B", "not before, but after"), ids=LATE[1:])


@pytest.fixture
def listed(store: "redis.Redis") -> Iterator[Listed]:
    """`listed(names, score)`: puts names among the sessions, until the end of the test."""
    added: list[Any] = []

    def add(names: list[Any], score: Any) -> None:
        added.extend(names)
        store.zadd(keys.SESSIONS, dict.fromkeys(names, score))

    yield add
    store.zrem(keys.SESSIONS, *added)


def heads(answer: Any) -> list[dict[str, Any]]:
    return [message["hd"] for message in answer["messages"]]


@pytest.mark.parametrize("query", [{}, {"order": "desc"}, {"limit": 1}, {"q": "before"}, {"event": "chat.message"}])
def test_a_history_has_what_can_be_read(any_server: Web, sid: str, written: list[str], query: dict[str, Any]) -> None:
    found, cursor = [], "before" if query.get("order") == "desc" else "after"
    while True:
        answer = history(any_server, sid, **query)
        assert answer.status == 200
        found += heads(answer.json)
        if (end := answer.json["next"]) is None:
            break
        query = {**query, cursor: end}
    assert set(written) <= {hd["id"] for hd in found}
    assert all({"id", "prev", "event"} <= hd.keys() for hd in found)


def test_a_history_is_grouped_by_whatever_the_participants_are_called(
    server: Web, store: "redis.Redis", sid: str, write: Write
) -> None:
    body = '{"hd":{"event":"chat.message"},"bd":{"text":"x"}}'
    for participant in ("", '"', "<b>", "\x00", "x" * 1_000, b"\xff"):
        store.xadd(keys.stream(sid), {"participant": participant, "body": body})
    answer = history(server, sid, group_by="participant")
    assert answer.status == 200
    assert {role: len(messages) for role, messages in answer.json["messages"].items()} == answer.json["participants"]
    assert len(answer.json["messages"]) == 6


@pytest.mark.parametrize("form", ["json", "csv", "md", "html"])
def test_an_export_has_what_can_be_read(server: Web, sid: str, written: list[str], form: str) -> None:
    answer = fetch(server, f"/api/chat/sessions/{sid}/export?format={form}")
    assert answer.status == 200
    assert answer.text.index("before") < answer.text.rindex("after")
    assert form != "json" or set(written) <= {event["id"] for event in answer.json["events"]}


def test_the_room_shows_what_can_be_read(any_server: Web, sid: str, written: list[str]) -> None:
    page = fetch(any_server, f"/s/{sid}/?role=A")
    assert page.status == 200
    shown = re.findall(r'data-id="([\d-]+)"', page.text)
    assert [entry_id for entry_id in shown if entry_id in written] == written


def test_the_room_and_the_timeline_are_bounded_in_bytes(
    server: Web, store: "redis.Redis", sid: str, transactional_db: None, admin: Admin
) -> None:
    body = {"hd": {"event": "chat.message", "more": "x" * 60_000}, "bd": {"text": "y" * 8_000}}
    for _ in range(100):
        store.xadd(keys.stream(sid), {"participant": "A", "body": json.dumps(body)})
    newest = store.xrevrange(keys.stream(sid), count=1)[0][0]
    room = fetch(server, f"/s/{sid}/?role=A").text
    assert room.count("data-id=") < 40
    assert newest in room
    assert '"earlier": true' in room
    row = ChatSession.objects.create(sid=sid, created_at=datetime.now(UTC), last_activity=datetime.now(UTC))
    address, listed = f"{SESSIONS}{row.pk}/change/", []
    page = admin(server, address).text
    while older := re.search(r'href="\?before=([\d-]+)"', page):
        listed += ids(page)
        page = admin(server, f"{address}?before={older[1]}").text
    listed += ids(page)
    assert listed == [entry_id for entry_id, _ in store.xrevrange(keys.stream(sid))]


def test_a_timeline_shows_every_entry(server: Web, store_url: str, admin: Admin, written: list[str], sid: str) -> None:
    row = ChatSession.objects.create(sid=sid, created_at=datetime.now(UTC), last_activity=datetime.now(UTC))
    page = admin(server, f"{SESSIONS}{row.pk}/change/")
    assert page.status == 200
    with closing(redis.Redis.from_url(store_url)) as undecoded:
        assert ids(page.text) == [entry_id.decode() for entry_id, _ in undecoded.xrevrange(keys.stream(sid))]
    assert "9999-12-30" in page.text


def test_a_session_is_inspected_though_parts_of_it_cannot_be_read(store_url: str, sid: str, written: list[str]) -> None:
    ended = run("doqchat_inspect", sid, "--lang", "en")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("--- Message #") == len(BODIES) + 5
    assert not set("\x00\x1b\x9b") & set(ended.stdout)


def test_a_session_of_the_wrong_type_is_not_inspected(store: "redis.Redis", sid: str) -> None:
    store.set(keys.stream(sid), "junk")
    ended = run("doqchat_inspect", sid, "--lang", "en")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[-1] == (f"CommandError: The key of session {sid} in the store has the wrong type.")


@pytest.mark.parametrize("path", ["history/{sid}", "sessions/{sid}"])
def test_a_session_key_of_the_wrong_type_is_refused_with_unreadable(
    any_server: Web, store: "redis.Redis", sid: str, path: str
) -> None:
    store.set(keys.stream(sid), "junk")
    answer = fetch(any_server, f"/api/chat/{path.format(sid=sid)}")
    assert (answer.status, answer.json["error"]["code"]) == (409, "unreadable")
    assert fetch(any_server, f"/api/chat/{path.format(sid=f'{sid}-2')}").status == 200
    assert fetch(any_server, f"/s/{sid}/").status == 200


def test_the_list_shows_the_others_beside_sessions_that_cannot_be_read(
    server: Web, store: "redis.Redis", listed: Listed, admin: Admin, sid: str, write: Write
) -> None:
    write(("A", "x"))
    write_messages(store, f"{sid}-late", ("A", "x"), ids=LATE[1:])
    store.set(keys.stream(f"{sid}-stream"), "junk")
    for key in (keys.presence, keys.replies):
        store.set(key(f"{sid}-{key.__name__}"), "junk")
    now = time.time()
    spoilt = [f"{sid}-{name}" for name in ("stream", "presence", "replies")]
    listed([sid, f"{sid}-late", *spoilt], now)
    listed([f"{sid} not a sid", "x" * 70, b"\xff"], now)
    page = admin(server, f"{SESSIONS}?q={sid}")
    assert page.status == 200
    assert cells(page.text, sid)["message_count"] == cells(page.text, f"{sid}-late")["message_count"] == "1"
    assert {cells(page.text, name)["message_count"] for name in spoilt} == {"unreadable"}
    assert "not a sid" not in page.text
    for name in spoilt:
        row = ChatSession.objects.get(sid=name)
        assert admin(server, f"{SESSIONS}{row.pk}/change/").status == 200


@pytest.mark.parametrize("score", ["inf", 1e300, 4e9])
def test_a_session_of_the_future_hides_no_later_ones(
    server: Web, listed: Listed, admin: Admin, sid: str, score: Any
) -> None:
    listed([f"{sid}-future"], score)
    admin(server, SESSIONS)
    assert ChatSession.objects.get(sid=f"{sid}-future").last_activity <= datetime.now(UTC)
    listed([sid], time.time())
    admin(server, SESSIONS)
    assert ChatSession.objects.filter(sid=sid).exists()


def test_a_row_of_the_future_hides_no_later_sessions(
    server: Web, listed: Listed, admin: Admin, row: ChatSession
) -> None:
    row.last_activity = datetime.now(UTC) + timedelta(days=1_000)
    row.save()
    listed([f"{row.sid}-2"], time.time())
    admin(server, SESSIONS)
    assert ChatSession.objects.filter(sid=f"{row.sid}-2").exists()
