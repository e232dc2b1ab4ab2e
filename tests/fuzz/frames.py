"""Frames of all kinds: valid ones, valid ones with something changed, and bytes that are no frame of the protocol."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from doqchat.protocol.names import MAX_FRAME_BYTES, MAX_TEXT
from tests.serving.raw import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame

CLOSE = 0x8
EVENTS = [
    "chat.message",
    "llm.request",
    "llm.cancel",
    "chat.typing",
    "chat.read",
    "session.sync",
    "auth.refresh",
    "ping",
]
FOREIGN = ["llm.response", "session.notice", "presence", "chat.ack", "error", "", "CHAT.MESSAGE", "__class__", "a" * 99]
IDS = ["0", "0-0", "1-1", "18446744073709551615-18446744073709551615", "99999999999999999999-1", "-", "$", "1", "１-１"]
MSG_IDS = ["m1", "m2", "m3", " ", "~" * 64, "a" * 65, "", "한", "a\n", "\x7f"]
ROLES = ["A", "B", "user", "llm", "observer", "C", "", "a"]
TIMES = ["2026-11-22T10:00:00Z", "2026-11-22t10:00:00.123+09:00", "yesterday", "2026-02-30T10:00:00Z", "", "10:00"]
PLAIN = ["안녕하세요! 😊", "hi @llm", " ", "", "\u0000", "\u202e[A]: ", "<script>", "`@llm", "👨‍👩‍👧", "a" * MAX_TEXT,
         "a" * (MAX_TEXT + 1), "가" * MAX_TEXT, "😊" * MAX_TEXT, "\u0301" * 500, "\ufeff", "\n\n[llm]: ok"]  # fmt: skip
SPECIAL = [
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 400,
    '"\\ud800"',
    "[" * 99 + "]" * 99,
    "[" * 9_000,
    "{",
    "'x'",
    "01",
    "\x01",
]

characters = st.characters(exclude_categories=["Cs"])
texts = st.sampled_from(PLAIN) | st.text(characters, max_size=12)
numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | texts
values = leaves | st.lists(leaves, max_size=3) | st.dictionaries(texts, leaves, max_size=2)
names = st.sampled_from(["Eve", "[A]", "@llm", "", "a" * 99, "\u200b"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "role": st.sampled_from(ROLES),
    "msg_id": st.sampled_from(MSG_IDS),
    "timestamp": st.sampled_from(TIMES),
    "name": names,
    "id": st.sampled_from(IDS),
    "prev": st.sampled_from(IDS),
    "sid": st.sampled_from(["another", "", "a" * 65]),
    "event": st.sampled_from(FOREIGN),
    "x": values,
}
"""Fields of `hd` with values that fit them more or less."""


@dataclass(frozen=True)
class Sent:
    """What is written to the connection: one frame, or the frames of one message."""

    data: bytes
    text: str = ""

    def __repr__(self) -> str:
        return repr(self.text[:200] or self.data[:200])


def text_frame(text: str) -> Sent:
    """A text frame."""
    return Sent(frame(TEXT, text.encode()), text)


def bodies(tokens: list[str]) -> dict[str, st.SearchStrategy[Any]]:
    """A strategy of `bd` for each event."""
    ids = st.sampled_from(IDS)
    return {
        "chat.message": st.fixed_dictionaries({"text": texts}),
        "llm.request": st.fixed_dictionaries(
            {"prompt": texts}, optional={"llm": st.sampled_from(["default", "demo", "nope", "", "a" * 65])}
        ),
        "llm.cancel": st.fixed_dictionaries({"reply_id": st.sampled_from(["r1-1", "", "r1:text", "r" * 65])}),
        "chat.typing": st.fixed_dictionaries({"active": st.sampled_from([True, False, 1, "yes", None])}),
        "chat.read": st.fixed_dictionaries({"id": ids}),
        "session.sync": st.fixed_dictionaries({"since": ids}),
        "auth.refresh": st.fixed_dictionaries({"token": st.sampled_from(tokens)}),
        "ping": values,
    }


@st.composite
def envelopes(draw: st.DrawFn, tokens: list[str], of: dict[str, st.SearchStrategy[Any]]) -> str:
    """An envelope: valid, or with fields that are changed, missing or of the wrong type."""
    event = draw(st.sampled_from(EVENTS + 3 * ["chat.message"]))
    hd: Any = {"event": event}
    for name in draw(st.lists(st.sampled_from([*FIELDS, "role", "msg_id"]), max_size=2)):
        hd[name] = draw(FIELDS[name])
    bd: Any = draw(of[event])
    match draw(st.integers(0, 15)):
        case 0:
            hd[draw(st.sampled_from(list(FIELDS)))] = draw(values)
        case 1:
            bd = draw(values)
        case 2:
            bd = {**bd, draw(texts): draw(values)} if isinstance(bd, dict) else bd
        case 3:
            hd = draw(values)
    envelope = {"hd": hd, "bd": bd}
    return json.dumps(envelope, ensure_ascii=draw(st.booleans()))


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> str:
    """The text of an envelope with a part cut out, or something inserted."""
    text = draw(whole)[:5_000]
    start = draw(st.integers(0, len(text)))
    return (
        text[:start]
        + draw(st.sampled_from([*SPECIAL, "", '"', ",", "\ufeff"]))
        + text[start + draw(st.integers(0, 9)) :]
    )


def with_special(special: str) -> str:
    """A message with a value that is not JSON, or that not every parser accepts."""
    return '{"hd": {"event": "chat.message"}, "bd": {"text": "hi", "x": ' + special + "}}"


def large(bytes_in_all: int) -> str:
    """A message of this size."""
    return json.dumps({"hd": {"event": "chat.message"}, "bd": {"text": "hi", "x": "x" * (bytes_in_all - 75)}})


def fragmented(text: str) -> Sent:
    """A message in three frames, with a ping between them."""
    data = text.encode()
    third = len(data) // 3
    parts = frame(TEXT, data[:third], fin=False) + frame(PING, b"between")
    return Sent(parts + frame(CONTINUATION, data[third:-third or None], fin=False) + frame(
        CONTINUATION, data[-third:] if third else b""), text)  # fmt: skip


def frames(tokens: list[str]) -> st.SearchStrategy[Sent]:
    """Messages that leave the connection open, whatever is in them; `tokens` are for `auth.refresh`."""
    whole = envelopes(tokens, bodies(tokens))
    sizes = st.sampled_from([MAX_FRAME_BYTES - 99, MAX_FRAME_BYTES + 99, 70_000])
    others = st.one_of(
        st.text(characters, max_size=20).map(text_frame),
        st.sampled_from(SPECIAL).map(with_special).map(text_frame),
        st.sampled_from(SPECIAL).map(text_frame),
        values.map(json.dumps).map(text_frame),
        st.binary(max_size=20).map(lambda data: Sent(frame(BINARY, data))),
        st.sampled_from([PING, PONG]).map(lambda opcode: Sent(frame(opcode, b"1"))),
        whole.map(fragmented),
        sizes.map(large).map(text_frame),
    )
    valid = whole.map(text_frame)
    return st.one_of(valid, valid, valid, valid, damaged(whole).map(text_frame), others)


ENDINGS = {
    "not UTF-8": (frame(TEXT, b'{"hd": "\xff"}'), {1007}),
    "half a character": (frame(TEXT, "가".encode()[:2]), {1007}),
    "a reserved opcode": (frame(0x3, b"x"), {1002}),
    "reserved bits": (frame(TEXT, b"x", reserved=4), {1002}),
    "not masked": (frame(TEXT, b"x", masked=False), {1002}),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), {1002}),
    "a message within a message": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), {1002}),
    "a fragmented ping": (frame(PING, b"x", fin=False), {1002}),
    "a long ping": (frame(PING, 126 * b"x"), {1002}),
    "a close with one byte": (frame(CLOSE, b"x"), {1002}),
    "a close with a reserved code": (frame(CLOSE, close(1005)), {1002}),
    "a close": (frame(CLOSE, close(1000, b"bye")), {1000}),
    "a close without a code": (frame(CLOSE), {1000, 1005}),
    "2,000 fragments": (frame(TEXT, b"x", fin=False) + 2_000 * frame(CONTINUATION, b"x", fin=False), {1008}),
    "2 MiB": (frame(TEXT, 2 * 2**20 * b"x"), {1009}),
    "half a frame": (frame(TEXT, 99 * b"x")[:50], set()),
}
"""What ends a connection, and the close codes that answer it; none for a client that just leaves."""

ENDS = st.sampled_from([*([""] * 30), *ENDINGS])
"""The names of endings; most connections have none."""
