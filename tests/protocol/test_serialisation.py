"""Stored envelopes and the frames made from them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doqchat.errors import RateLimited
from doqchat.protocol import server
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.protocol.frames import from_data, parse

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=20)
numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
extras = st.dictionaries(texts, values, max_size=4)
ids = st.builds("{}-{}".format, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@given(hd=extras, bd=extras, entry_id=ids, prev=ids)
def test_a_frame_is_the_stored_envelope_with_its_id_and_prev(
    hd: dict[str, Any], bd: dict[str, Any], entry_id: str, prev: str
) -> None:
    hd = {**hd, "event": "chat.message"}
    for name in ("role", "msg_id", "timestamp"):
        hd.pop(name, None)
    stored = parse(json.dumps({"hd": hd, "bd": {**bd, "text": "hi"}})).stored("room")
    envelope = json.loads(stored)
    merged = {**envelope, "hd": {**envelope["hd"], "id": entry_id, "prev": prev}}
    assert json.loads(server.durable(stored, entry_id, prev)) == merged
    assert server.checked(stored, entry_id, prev) == server.durable(stored, entry_id, prev)


@given(hd=extras, bd=values, spaces=st.booleans(), ascii_only=st.booleans(), swapped=st.booleans())
def test_an_envelope_that_something_else_stored_gets_its_id_and_prev_too(
    hd: dict[str, Any], bd: Any, spaces: bool, ascii_only: bool, swapped: bool
) -> None:
    hd = {**hd, "event": "chat.message"}
    envelope = {"bd": bd, "hd": hd} if swapped else {"hd": hd, "bd": bd}
    separators = (", ", ": ") if spaces else (",", ":")
    stored = json.dumps(envelope, separators=separators, ensure_ascii=ascii_only)
    merged = {"hd": {**hd, "id": "2-0", "prev": "1-0"}, "bd": bd}
    assert json.loads(server.checked(stored, "2-0", "1-0")) == merged


def unreadable(stored: str) -> bool:
    """Whether clients get a notice in place of what is stored."""
    frame = json.loads(server.checked(stored, "2-0", "1-0"), parse_constant=pytest.fail)
    assert (frame["hd"]["id"], frame["hd"]["prev"]) == ("2-0", "1-0")
    return bool(frame["hd"]["event"] == "session.notice" and frame["bd"]["code"] == "unreadable")


@given(stored=texts | values.map(json.dumps) | texts.map('{{"hd":{{{}'.format))
def test_whatever_something_else_has_stored_what_goes_out_is_an_envelope(stored: str) -> None:
    assert unreadable(stored)


@given(bd=extras, data=st.data())
def test_an_envelope_that_breaks_off_is_unreadable(bd: dict[str, Any], data: st.DataObject) -> None:
    stored = json.dumps({"hd": {"event": "chat.message"}, "bd": bd}, separators=(",", ":"))
    length = data.draw(st.integers(0, len(stored) - 1))
    assert unreadable(stored[:length])


@pytest.mark.parametrize(
    "stored",
    [
        '{"hd":{},"bd":{}}',
        '{"hd":{"event":7},"bd":{}}',
        '{"hd":{"event":"chat.message"},"bd":{"text":"hi"}}}',
        '{"hd":{"event":"chat.message"},"bd":{"score":NaN}}',
        '{"hd":{"event":"chat.message"},"bd":{"text":"\\ud800"}}',
    ],
)
def test_an_envelope_that_not_every_client_could_read_is_unreadable(stored: str) -> None:
    assert unreadable(stored)


@pytest.mark.parametrize("space", ["", " "])
def test_an_entry_cannot_say_that_it_is_another(space: str) -> None:
    stored = '{"hd":{"event":"chat.message",' + space + '"id":"7-7","prev":"6-6"},"bd":{"score":1e999}}'
    frame = json.loads(server.checked(stored, "2-0", "1-0"), parse_constant=pytest.fail)
    assert frame["hd"] == {"event": "chat.message", "id": "2-0", "prev": "1-0"}


def test_what_the_model_says_is_stored_like_what_people_say() -> None:
    usage = Usage(input_tokens=3)
    said = LLMResponse(reply_id="r1-0", request_id="1-0", text="네 😊", finish_reason="stop", model="demo", usage=usage)
    envelope = json.loads(server.stored("room", said))
    assert envelope["hd"] | {"timestamp": ""} == {
        "event": "llm.response",
        "role": "llm",
        "sid": "room",
        "timestamp": "",
    }
    assert envelope["bd"] == {
        "reply_id": "r1-0",
        "request_id": "1-0",
        "text": "네 😊",
        "finish_reason": "stop",
        "model": "demo",
        "usage": {"input_tokens": 3},
    }


def test_an_error_frame_carries_what_the_error_knows_and_nothing_empty() -> None:
    problem = RateLimited("Wait a moment.", msg_id="m1", retry_after=3)
    frame = json.loads(server.error("room", problem))
    assert (frame["hd"]["event"], frame["hd"]["sid"]) == ("error", "room")
    assert frame["bd"] == {"code": "rate_limited", "message": "Wait a moment.", "msg_id": "m1", "retry_after": 3}


def test_a_frame_that_belongs_to_no_session_names_none() -> None:
    frame = json.loads(server.error(None, RateLimited("Wait a moment.")))
    assert not frame["hd"].get("sid")


def test_the_order_of_fields_does_not_make_another_message_of_it() -> None:
    head = {"event": "chat.message", "role": "A", "msg_id": "m1"}
    said = {"text": "안녕", "with": [{"a": 1, "b": 2}], "x": 1}
    again = {"x": 1, "with": [{"b": 2, "a": 1}], "text": "안녕"}
    other = {"x": 1, "with": [{"b": 1, "a": 2}], "text": "안녕"}
    digests = [from_data({"hd": head, "bd": bd}).digest() for bd in (said, again, other)]
    assert digests[0] == digests[1] != digests[2]
