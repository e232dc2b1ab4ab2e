"""What a client may send, and what becomes of it."""

import json
from typing import Any

import pytest

from doqchat.protocol.frames import parse
from doqchat.protocol.ids import order
from tests.protocol.envelopes import text_of


def stored(text: str) -> Any:
    return json.loads(parse(text).stored("room"))


def test_a_message_without_a_role_leaves_it_to_its_connection() -> None:
    assert parse(text_of()).role == ""


@pytest.mark.parametrize("role", ["A", "B", "user"])
def test_a_message_speaks_as_the_role_it_names(role: str) -> None:
    frame = parse(text_of(role=role))
    assert (frame.role, json.loads(frame.stored("room"))["hd"]["role"]) == (role, role)


@pytest.mark.parametrize(
    ("event", "bd"),
    [
        ("chat.message", {"text": "x"}),
        ("chat.message", {"text": "가" * 8_000}),
        ("llm.request", {"prompt": "x"}),
        ("llm.request", {"prompt": "가" * 8_000, "llm": "default"}),
        ("llm.cancel", {"reply_id": "r1700641234567-0"}),
        ("chat.typing", {"active": True}),
        ("chat.typing", {"active": False}),
        ("chat.read", {"id": "1700641234567-0"}),
        ("session.sync", {"since": "0"}),
        ("session.sync", {"since": "18446744073709551615-18446744073709551615"}),
        ("ping", {}),
        ("ping", {"anything": [1, None, {"at": "all"}]}),
        ("ping", [1, 2]),
        ("ping", "text"),
    ],
)
def test_every_event_of_a_client_is_read(event: str, bd: Any) -> None:
    frame = parse(text_of(bd, event=event))
    assert (frame.event, frame.bd) == (event, bd)


def test_a_ping_needs_no_body() -> None:
    assert parse('{"hd": {"event": "ping"}}').bd == {}


def test_fields_that_the_protocol_does_not_know_are_kept_with_their_values() -> None:
    extra = {"lang": "ko", "none": None, "deep": {"a": [1, 2.5, True, None, "😊"]}}
    envelope = stored(text_of({"text": "hi", **extra}, **extra))
    assert {name: envelope["hd"][name] for name in extra} == extra
    assert envelope["bd"] == {"text": "hi", **extra}


def test_server_fields_are_not_accepted_from_clients() -> None:
    hd = stored(text_of(id="1-1", prev="2-2", sid="another", removed=True))["hd"]
    assert (hd.get("id"), hd.get("prev"), hd["sid"], "removed" in hd) == (None, None, "room", False)


def test_fields_that_are_escaped_are_still_the_fields_they_are() -> None:
    hd = stored(r'{"hd": {"\u0065vent": "chat.message", "i\u0064": "9-9"}, "bd": {"text": "hi"}}')["hd"]
    assert hd["event"] == "chat.message"
    assert "id" not in hd


def test_of_a_field_that_is_there_twice_the_last_is_the_one() -> None:
    text = '{"hd": {"event": "chat.message", "role": "A", "role": "B"}, "bd": {"text": "one", "text": "two"}}'
    kept = parse(text).stored("room")
    assert (kept.count('"role"'), kept.count('"text"')) == (1, 1)
    assert (json.loads(kept)["hd"]["role"], json.loads(kept)["bd"]["text"]) == ("B", "two")


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00.123456789+09:00",
        "2026-11-22t10:00:00z",
        "2026-11-22 10:00:00-00:00",
    ],
)
def test_a_timestamp_is_kept_as_given(timestamp: str) -> None:
    assert stored(text_of(timestamp=timestamp))["hd"]["timestamp"] == timestamp


@pytest.mark.parametrize("hd", [{}, {"timestamp": None}])
def test_the_server_fills_in_the_timestamp(hd: dict[str, Any]) -> None:
    frame = parse(text_of(**hd))
    again = json.loads(frame.stored("room"))["hd"]["timestamp"]
    assert parse(text_of(timestamp=again)).hd["timestamp"] == again


@pytest.mark.parametrize("msg_id", ["1", "~", " ", "a" * 64, '"\\'])
def test_a_msg_id_may_be_64_printable_ascii_characters(msg_id: str) -> None:
    frame = parse(text_of(msg_id=msg_id))
    assert (frame.msg_id, json.loads(frame.stored("room"))["hd"]["msg_id"]) == (msg_id, msg_id)


@pytest.mark.parametrize(
    "text",
    [
        "안녕하세요! 😊",
        "こんにちは",
        "你好，世界",
        "👨\u200d👩\u200d👧\u200d👦🇰🇷",
        "\u1112\u1161\u11ab a\u0301",
        "\u0000\u007f\u2028\ufffd",
        "'\"\\/<b>&amp;",
    ],
)
def test_text_is_stored_character_for_character(text: str) -> None:
    kept = parse(text_of({"text": text})).stored("room")
    assert json.loads(kept)["bd"]["text"] == text


def test_text_is_stored_as_utf_8_and_not_as_escapes() -> None:
    assert "안녕 😊" in parse(text_of({"text": "안녕 😊"})).stored("room")


def test_white_space_around_a_frame_is_nothing() -> None:
    assert parse(" \r\n\t" + text_of() + " \n").event == "chat.message"


def test_a_frame_that_is_sent_again_has_the_same_digest() -> None:
    first = parse(text_of(msg_id="1", role="A", timestamp="2026-11-22T10:00:00Z"))
    again = parse(text_of(msg_id="1", role="A", timestamp="2026-11-22T10:00:05Z"))
    assert first.digest() == again.digest()


@pytest.mark.parametrize(
    "other",
    [
        text_of({"text": "hi!"}, role="A"),
        text_of({"text": "hi", "extra": 1}, role="A"),
        text_of({"text": "hi", "marks": [2, 1]}, role="A"),
        text_of(role="B"),
        text_of({"prompt": "hi"}, event="llm.request", role="A"),
    ],
)
def test_a_frame_that_says_something_else_has_another_digest(other: str) -> None:
    assert parse(text_of(role="A")).digest() != parse(other).digest()


def test_ids_sort_by_number() -> None:
    assert sorted(["10-2", "9-10", "10-10", "9-9"], key=order) == ["9-9", "9-10", "10-2", "10-10"]
