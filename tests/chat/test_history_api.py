"""`GET /api/chat/history/{sid}`: what comes back, in which order, a page at a time."""

import unicodedata
from typing import Any

import pytest
import redis

from doqchat.store import history as engine_history
from doqchat.store import keys, participants
from tests.chat.conftest import Write
from tests.chat.fetch import history
from tests.conftest import Connect
from tests.processes import Web

FIRST = 1_700_641_234_567
"""A moment in 2023, in milliseconds: 2023-11-22T08:20:34.567Z."""


def ids_of(messages: list[dict[str, Any]]) -> list[str]:
    return [message["hd"]["id"] for message in messages]


def texts_of(messages: list[dict[str, Any]]) -> list[str]:
    return [message["bd"]["text"] for message in messages]


def walk(web: Web, sid: str, **query: Any) -> list[str]:
    """The ids on all pages, one after the other."""
    cursor = "before" if query.get("order") == "desc" else "after"
    found: list[str] = []
    while True:
        page = history(web, sid, **query).json
        found += ids_of(page["messages"])
        if page["next"] is None:
            return found
        query[cursor] = page["next"]


async def test_events_come_back_as_they_were_delivered(any_server: Web, connect: Connect, sid: str) -> None:
    a, b = await connect(any_server, sid), await connect(any_server, sid)
    for text in ("안녕하세요! 😊", "こんにちは", "你好", '<b>&amp;</b> "quoted" \\ \n\u2028'):
        await a.say(text, role="A", msg_id=f"m{len(text)}", custom={"kept": [1, None]})
    delivered = [await b.recv() for _ in range(4)]
    answer = history(any_server, sid)
    assert answer.status == 200
    assert answer.json == {"sid": sid, "messages": delivered, "participants": {"A": 4}, "next": None}


def test_a_session_in_which_nothing_was_said_has_no_events(server: Web, sid: str) -> None:
    assert history(server, sid).json == {"sid": sid, "messages": [], "participants": {}, "next": None}


def test_a_page_has_100_events_by_default(server: Web, sid: str, write: Write) -> None:
    ids = write(*[("A", "x")] * 101)
    page = history(server, sid).json
    assert ids_of(page["messages"]) == ids[:100]
    assert page["next"] == ids[99]
    assert ids_of(history(server, sid, limit=1000).json["messages"]) == ids


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_leave_nothing_out_and_double_nothing(
    server: Web, sid: str, write: Write, limit: int, order: str
) -> None:
    ids = write(*[("A", "x")] * 7)
    assert walk(server, sid, limit=limit, order=order) == (ids if order == "asc" else ids[::-1])


def test_pages_forwards_reach_what_is_said_meanwhile(server: Web, sid: str, write: Write) -> None:
    ids = write(("A", "1"), ("B", "2"), ("A", "3"))
    first = history(server, sid, limit=2).json
    ids += write(("B", "4"))
    second = history(server, sid, limit=2, after=first["next"]).json
    assert ids_of(first["messages"]) + ids_of(second["messages"]) == ids
    assert second["next"] is None


def test_pages_backwards_are_not_moved_by_what_is_said_meanwhile(server: Web, sid: str, write: Write) -> None:
    ids = write(("A", "1"), ("B", "2"), ("A", "3"))
    first = history(server, sid, limit=2, order="desc").json
    write(("B", "4"))
    second = history(server, sid, limit=2, order="desc", before=first["next"]).json
    assert ids_of(first["messages"]) + ids_of(second["messages"]) == ids[::-1]
    assert second["next"] is None


def test_prev_names_the_event_before_also_where_a_filter_hides_it(server: Web, sid: str, write: Write) -> None:
    ids = write(("A", "1"), ("B", "2"), ("A", "3"))
    (of_b,) = history(server, sid, participant="B").json["messages"]
    assert of_b["hd"]["prev"] == ids[0]


def test_a_participant_filters(server: Web, sid: str, write: Write) -> None:
    write(("A", "1"), ("B", "2"), ("A", "3"), ("llm", "4"))
    assert texts_of(history(server, sid, participant="A").json["messages"]) == ["1", "3"]
    assert texts_of(history(server, sid, participant="llm").json["messages"]) == ["4"]
    assert history(server, sid, participant="user").json["messages"] == []


def test_an_event_filters(server: Web, sid: str, write: Write) -> None:
    write(("A", "said"))
    write(("llm", "answered"), event="llm.response")
    assert texts_of(history(server, sid, event="llm.response").json["messages"]) == ["answered"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("비가", ["오늘은 비가 와요"]),
        (unicodedata.normalize("NFD", "비가"), ["오늘은 비가 와요"]),
        ("STRASSE", ["Die Straße"]),
        ("hd", []),
        ("", ["오늘은 비가 와요", "Die Straße"]),
    ],
)
def test_a_text_is_found_whatever_its_case_and_composition(
    server: Web, sid: str, write: Write, q: str, found: list[str]
) -> None:
    write(("A", "오늘은 비가 와요"), ("B", "Die Straße"))
    assert texts_of(history(server, sid, q=q).json["messages"]) == found


async def test_what_a_model_was_asked_is_found(server: Web, connect: Connect, sid: str) -> None:
    a = await connect(server, sid)
    await a.send("llm.request", {"prompt": "무지개는 왜 생겨요?"})
    asked = await a.recv_event("llm.request")
    assert history(server, sid, q="무지개", event="llm.request").json["messages"] == [asked]


def test_ids_bound_the_range_from_outside(server: Web, sid: str, write: Write) -> None:
    ids = write(*[("A", str(number)) for number in range(6)])
    between = {"after": ids[1], "before": ids[4]}
    assert ids_of(history(server, sid, **between).json["messages"]) == ids[2:4]
    assert ids_of(history(server, sid, **between, order="desc").json["messages"]) == ids[2:4][::-1]
    assert ids_of(history(server, sid, after="0").json["messages"]) == ids
    assert history(server, sid, before="0").json["messages"] == []
    assert walk(server, sid, **between, limit=1) == ids[2:4]


@pytest.mark.parametrize(
    "moment",
    [
        "2023-11-22T08:20:34.567Z",
        "2023-11-22T17:20:34.567+09:00",
        "2023-11-22T17:20:34.567 09:00",
        "2023-11-22t08:20:34.567z",
    ],
)
def test_a_moment_splits_a_session_in_two(server: Web, sid: str, write: Write, moment: str) -> None:
    ids = [f"{FIRST - 1}-5", f"{FIRST}-0", f"{FIRST}-1", f"{FIRST + 1}-0"]
    write(*[("A", "x")] * 4, ids=ids)
    assert ids_of(history(server, sid, before=moment).json["messages"]) == ids[:1]
    assert ids_of(history(server, sid, after=moment).json["messages"]) == ids[1:]


def test_events_are_grouped_by_participant(server: Web, sid: str, write: Write) -> None:
    write(("A", "1"), ("B", "2"), ("A", "3"))
    page = history(server, sid, group_by="participant").json
    assert {role: texts_of(messages) for role, messages in page["messages"].items()} == {"A": ["1", "3"], "B": ["2"]}
    assert page["participants"] == {"A": 2, "B": 1}


def test_participants_are_counted_over_the_whole_session(server: Web, sid: str, write: Write) -> None:
    write(*[("A", "x"), ("B", "x"), ("A", "x")] * participants.BATCH)
    assert history(server, sid, limit=1, participant="B").json["participants"] == {
        "A": 2 * participants.BATCH,
        "B": participants.BATCH,
    }


def test_participants_follow_what_is_said_and_what_is_removed(
    server: Web, store: "redis.Redis", sid: str, write: Write
) -> None:
    ids = write(("A", "1"), ("B", "2"))
    assert history(server, sid).json["participants"] == {"A": 1, "B": 1}
    write(("B", "3"))
    assert history(server, sid).json["participants"] == {"A": 1, "B": 2}
    store.xdel(keys.stream(sid), ids[0])
    write(("user", "4"))
    assert history(server, sid).json["participants"] == {"B": 2, "user": 1}
    store.delete(keys.stream(sid))
    assert history(server, sid).json["participants"] == {}


@pytest.mark.slow
def test_a_search_looks_at_a_bounded_range_and_says_where_to_go_on(server: Web, sid: str, write: Write) -> None:
    ids = write(*[("A", "hay")] * engine_history.SCANNED, ("B", "needle"))
    page = history(server, sid, q="needle").json
    assert (page["messages"], page["next"]) == ([], ids[-2])
    page = history(server, sid, q="needle", after=page["next"]).json
    assert (ids_of(page["messages"]), page["next"]) == (ids[-1:], None)


def test_a_page_of_long_messages_ends_early(server: Web, sid: str, write: Write) -> None:
    size = 60_000
    ids = write(*[("A", "x" * size)] * 100)
    page = history(server, sid, limit=1000).json
    assert len(page["messages"]) * size < engine_history.PAGE_BYTES + 2 * size
    assert ids_of(page["messages"]) + walk(server, sid, limit=1000, after=page["next"]) == ids


def test_an_entry_that_is_not_an_envelope_is_skipped(server: Web, store: "redis.Redis", sid: str, write: Write) -> None:
    write(("A", "before"))
    for body in ("not JSON", "[]", '{"hd": 1}', "", "{"):
        store.xadd(keys.stream(sid), {"participant": "A", "body": body})
    store.xadd(keys.stream(sid), {"something": "else"})
    write(("B", "after"))
    assert texts_of(history(server, sid).json["messages"]) == ["before", "after"]
