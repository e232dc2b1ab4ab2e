"""What a client may not send, and which error it gets."""

import json
from typing import Any

import pytest

from doqchat import errors
from doqchat.errors import DoqchatError
from doqchat.protocol.frames import parse
from doqchat.protocol.names import MAX_FRAME_BYTES
from tests.protocol.envelopes import text_of


def refusal(text: str) -> DoqchatError:
    with pytest.raises(DoqchatError) as caught:
        parse(text)
    return caught.value


def nested(levels: int, innermost: str) -> str:
    """A message whose `bd.x` makes it so many levels deep; the envelope and `bd` are the first two."""
    brackets = levels - 2
    value = "[" * brackets + innermost + "]" * brackets
    return '{"hd": {"event": "chat.message"}, "bd": {"text": "hi", "x": ' + value + "}}"


def sized(length: int, character: str) -> str:
    """A message of exactly so many bytes of UTF-8, most of them in a field of characters like this one."""
    room = length - len(text_of({"text": "hi", "x": ""}))
    width = len(character.encode())
    filling = character * (room // width) + "." * (room % width)
    text = json.dumps({"hd": {"event": "chat.message"}, "bd": {"text": "hi", "x": filling}}, ensure_ascii=False)
    assert len(text.encode()) == length
    return text


def with_field(value: str) -> str:
    """A message with `bd.x` as it stands."""
    return '{"hd": {"event": "chat.message"}, "bd": {"text": "hi", "x": ' + value + "}}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "{",
        "'hd'",
        text_of() + "x",
        text_of() + text_of(),
        "\ufeff" + text_of(),
        "// a comment\n" + text_of(),
        '{"hd": {"event": "chat.message"}, "bd": {"text": "hi",}}',
        '{"hd": {"event": "chat.message"}, "bd": {"text": "a\x01b"}}',
        with_field("NaN"),
        with_field("Infinity"),
        with_field("-Infinity"),
        with_field("1e999"),
        with_field("-1e999"),
        with_field("9" * 309),
        with_field("-" + "9" * 309),
        with_field("1" * 5_000),
        with_field("01"),
        with_field(r'"\ud800"'),
        with_field(r'"\udc00\ud800"'),
        with_field(r'{"\ud800": 1}'),
        nested(17, "1"),
        nested(17, ""),
        nested(100, "1"),
        nested(10_000, "1"),
    ],
    ids=lambda text: repr(text[-40:]),
)
def test_json_that_some_parsers_reject_is_invalid_json(text: str) -> None:
    assert isinstance(refusal(text), errors.InvalidJSON)


@pytest.mark.parametrize("innermost", ["1", ""])
def test_sixteen_levels_are_not_too_deep(innermost: str) -> None:
    assert parse(nested(16, innermost)).event == "chat.message"


def test_the_largest_double_is_not_too_large() -> None:
    assert parse(with_field("1.7976931348623157e308")).event == "chat.message"


@pytest.mark.parametrize("text", ["5", '"text"', "null", "true", "[]", "[{}]", "{}", '{"hd": []}', '{"hd": null}'])
def test_json_that_is_not_an_envelope_is_an_invalid_message(text: str) -> None:
    problem = refusal(text)
    assert (problem.code, problem.field) == ("invalid_message", "hd")


@pytest.mark.parametrize(
    ("hd", "field"),
    [
        ({"event": None}, "hd.event"),
        ({"event": 5}, "hd.event"),
        ({"event": ["chat.message"]}, "hd.event"),
        ({"role": "C"}, "hd.role"),
        ({"role": "a"}, "hd.role"),
        ({"role": ""}, "hd.role"),
        ({"role": 5}, "hd.role"),
        ({"msg_id": ""}, "hd.msg_id"),
        ({"msg_id": "a" * 65}, "hd.msg_id"),
        ({"msg_id": "한"}, "hd.msg_id"),
        ({"msg_id": "a\n"}, "hd.msg_id"),
        ({"msg_id": "\x7f"}, "hd.msg_id"),
        ({"msg_id": 42}, "hd.msg_id"),
        ({"timestamp": "yesterday"}, "hd.timestamp"),
        ({"timestamp": 1700641234}, "hd.timestamp"),
        ({"timestamp": "1700641234"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T10:00:00"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T10:00+09:00"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22_10:00:00Z"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T10:00:00+0900"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T10:00:00\\u005a"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T10:00:00Z\n"}, "hd.timestamp"),
        ({"timestamp": "2026-02-30T10:00:00Z"}, "hd.timestamp"),
        ({"timestamp": "2026-11-22T25:00:00Z"}, "hd.timestamp"),
        ({"timestamp": "２０２６-11-22T10:00:00Z"}, "hd.timestamp"),
    ],
)
def test_a_wrong_field_of_the_head_is_named(hd: dict[str, Any], field: str) -> None:
    problem = refusal(text_of(**hd))
    assert (problem.code, problem.field) == ("invalid_message", field)
    assert problem.message


@pytest.mark.parametrize(
    ("event", "bd", "field"),
    [
        ("chat.message", {}, "bd.text"),
        ("chat.message", {"text": ""}, "bd.text"),
        ("chat.message", {"text": "x" * 8_001}, "bd.text"),
        ("chat.message", {"text": 5}, "bd.text"),
        ("chat.message", {"text": None}, "bd.text"),
        ("chat.message", [], "bd"),
        ("chat.message", "hi", "bd"),
        ("llm.request", {"text": "hi"}, "bd.prompt"),
        ("llm.request", {"prompt": ""}, "bd.prompt"),
        ("llm.request", {"prompt": "가" * 8_001}, "bd.prompt"),
        ("llm.request", {"prompt": "   "}, "bd.prompt"),
        ("llm.request", {"prompt": "\n\t\u3000\x1c\u2028"}, "bd.prompt"),
        ("llm.request", {"prompt": "hi", "llm": ""}, "bd.llm"),
        ("llm.request", {"prompt": "hi", "llm": 5}, "bd.llm"),
        ("llm.cancel", {}, "bd.reply_id"),
        ("llm.cancel", {"reply_id": "r1:text"}, "bd.reply_id"),
        ("llm.cancel", {"reply_id": "r" * 65}, "bd.reply_id"),
        ("chat.typing", {}, "bd.active"),
        ("chat.typing", {"active": "yes"}, "bd.active"),
        ("chat.typing", {"active": 1}, "bd.active"),
        ("chat.read", {}, "bd.id"),
        ("chat.read", {"id": "-"}, "bd.id"),
        ("chat.read", {"id": "1700641234567"}, "bd.id"),
        ("chat.read", {"id": "1-1 "}, "bd.id"),
        ("chat.read", {"id": "١-١"}, "bd.id"),
        ("session.sync", {}, "bd.since"),
        ("session.sync", {"since": 0}, "bd.since"),
        ("session.sync", {"since": "$"}, "bd.since"),
        ("session.sync", {"since": "18446744073709551616-0"}, "bd.since"),
    ],
)
def test_a_wrong_field_of_the_body_is_named(event: str, bd: Any, field: str) -> None:
    problem = refusal(text_of(bd, event=event, msg_id="m1"))
    assert (problem.code, problem.field, problem.msg_id) == ("invalid_message", field, "m1")


def test_a_request_of_white_space_is_refused() -> None:
    problem = refusal(text_of({"prompt": " "}, event="llm.request"))
    assert problem.message == "bd.prompt: this is only white space; ask something."


def test_a_message_of_white_space_is_taken() -> None:
    assert parse(text_of({"text": "   "})).event == "chat.message"


def test_a_message_without_a_body_lacks_its_text() -> None:
    assert refusal('{"hd": {"event": "chat.message"}}').field == "bd.text"


@pytest.mark.parametrize(
    "event", ["nope", "", "CHAT.MESSAGE", "llm.response", "llm.streaming", "session.notice", "presence", "__class__"]
)
def test_an_event_that_clients_do_not_send_is_unknown(event: str) -> None:
    problem = refusal(text_of(event=event, msg_id="m1"))
    assert (problem.code, problem.field, problem.msg_id) == ("unknown_event", "hd.event", "m1")


@pytest.mark.parametrize("event", ["chat.message", "llm.request", "ping"])
def test_clients_cannot_speak_as_the_model(event: str) -> None:
    problem = refusal(text_of({"text": "hi", "prompt": "hi"}, event=event, role="llm", msg_id="m1"))
    assert (problem.code, problem.field, problem.msg_id) == ("role_forbidden", "hd.role", "m1")


@pytest.mark.parametrize("character", ["a", "é", "한", "😊"])
def test_a_frame_of_64_kib_is_taken_and_one_of_a_byte_more_is_too_large(character: str) -> None:
    assert parse(sized(MAX_FRAME_BYTES, character)).event == "chat.message"
    assert isinstance(refusal(sized(MAX_FRAME_BYTES + 1, character)), errors.TooLarge)


def test_a_frame_of_70_kib_is_too_large() -> None:
    assert isinstance(refusal(sized(70 * 1024, "가")), errors.TooLarge)
