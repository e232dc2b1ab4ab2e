"""Client frames: parsed into events, or refused with an error."""

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from time import time_ns
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from doqchat.errors import InvalidJSON, InvalidMessage, RoleForbidden, TooLarge, UnknownEvent
from doqchat.protocol.events import FROM_CLIENTS, Body, ChatMessage, Head, LLMRequest, Ping
from doqchat.protocol.names import HUMAN_ROLES, MAX_DEPTH, MAX_FRAME_BYTES, MODEL_ROLE

_LARGEST = sys.float_info.max
_SPOKEN = {ChatMessage.event: "text", LLMRequest.event: "prompt"}
"""The field of `bd` with what a person says."""

DECIDED_HERE = ("event", "role", "person", "msg_id", "timestamp", "id", "prev", "sid", "removed")


@dataclass(slots=True)
class Frame:
    """A valid frame from a client.

    Attributes:
        event: the event's name.
        role: who speaks; empty if the frame names no role.
        body: the validated `bd`.
        msg_id: the idempotency key, when the client gave one.
        hd, bd: what the client sent, to be relayed untouched; server-made fields are taken out of `hd`.
        size: the number of characters that it was parsed from.
    """

    event: str
    role: str
    body: Body
    msg_id: str | None = None
    hd: dict[str, Any] = field(default_factory=dict)
    bd: Any = field(default_factory=dict)
    size: int = 0

    @property
    def text(self) -> str:
        """What a message or a request says."""
        said: str = getattr(self.body, _SPOKEN[self.event])
        return said

    def saying(self, text: str) -> "Frame":
        """A message or a request with another text. Raises ValueError if the text is not valid in it."""
        bd = {**self.bd, _SPOKEN[self.event]: text}
        return replace(self, body=type(self.body).model_validate(bd), bd=bd)

    def stored(self, sid: str) -> str:
        """The envelope as the stream keeps it: JSON without `id` and `prev`, which the entry's place gives."""
        hd = {"event": self.event, "role": self.role, **self.hd, "sid": sid}
        hd.setdefault("timestamp", now())
        return to_json({"hd": hd, "bd": self.bd}).decode()

    def digest(self) -> str:
        """A digest of the event, the role and `bd`: equal for a frame that is resent.

        The order of fields is ignored, because clients may serialise the same object differently.
        """
        return blake2b(to_json([self.event, self.role, _in_order(self.bd)]), digest_size=12).hexdigest()


@lru_cache(maxsize=4_096)
def person_of(sid: str, subject: str) -> str:
    """A pseudonym for who has sent an event: the same in one session for one `sub`, and another in each session.

    Events can be erased by it (doqchat/erasure.py), but it does not reveal who the person is.
    """
    return blake2b(subject.encode(), digest_size=9, key=sid.encode()).hexdigest()


def now() -> str:
    """The present moment as RFC 3339 with milliseconds, UTC."""
    seconds, milliseconds = divmod(time_ns() // 1_000_000, 1_000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    """A Unix second, formatted; cached because many frames share it, and formatting takes 4 µs."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse(text: str) -> Frame:
    """Read a text frame.

    Raises:
        TooLarge, InvalidJSON, InvalidMessage, UnknownEvent, RoleForbidden: with the frame's `msg_id` where it
        could be read.
    """
    if len(text) > MAX_FRAME_BYTES or (len(text) * 4 > MAX_FRAME_BYTES and len(text.encode()) > MAX_FRAME_BYTES):
        raise TooLarge(f"A frame may have {MAX_FRAME_BYTES:,} bytes at most; send this in parts.")
    try:
        data = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidJSON(f"The frame is not JSON that can be relayed: {error}.") from None
    _check_values(data)
    frame = from_data(data)
    frame.size = len(text)
    return frame


def from_data(data: Any) -> Frame:
    """Read an envelope that was already decoded from JSON; raises as `parse` does."""
    if not isinstance(data, dict) or not isinstance(data.get("hd"), dict):
        raise InvalidMessage('A frame is an object such as {"hd": {"event": "chat.message"}, "bd": {…}}.', field="hd")
    hd, bd = data["hd"], data.get("bd", {})
    msg_id = hd.get("msg_id") if isinstance(hd.get("msg_id"), str) else None
    name = hd.get("event")
    if not isinstance(name, str):
        raise InvalidMessage("hd.event must name the event, such as chat.message.", field="hd.event", msg_id=msg_id)
    model = FROM_CLIENTS.get(name)
    if model is None:
        known = ", ".join(FROM_CLIENTS)
        raise UnknownEvent(f"There is no such event; clients send {known}.", field="hd.event", msg_id=msg_id)
    try:
        head = Head.model_validate(hd)
    except ValidationError as error:
        raise refusal(error, "hd", msg_id) from None
    if not isinstance(bd, dict) and name != Ping.event:
        raise InvalidMessage("bd must be an object.", field="bd", msg_id=msg_id)
    try:
        body = model.model_validate(bd if isinstance(bd, dict) else {})
    except ValidationError as error:
        raise refusal(error, "bd", msg_id) from None
    kept = {key: value for key, value in hd.items() if key not in DECIDED_HERE}
    kept |= {key: value for key, value in (("msg_id", head.msg_id), ("timestamp", head.timestamp)) if value is not None}
    return Frame(name, _speaker(head), body, head.msg_id, kept, bd)


def _in_order(value: Any) -> Any:
    """The value with the fields of all objects sorted."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_in_order(inner) for inner in value]
    return value


def _speaker(head: Head) -> str:
    if head.role is None:
        return ""
    if head.role == MODEL_ROLE:
        problem = "The role llm is reserved for the server; speak as A, B or user."
        raise RoleForbidden(problem, field="hd.role", msg_id=head.msg_id)
    if head.role not in HUMAN_ROLES:
        raise InvalidMessage("hd.role: speak as A, B or user.", field="hd.role", msg_id=head.msg_id)
    return head.role


def _check_values(data: Any) -> None:
    """Refuse valid JSON that some parsers reject: deep nesting and numbers beyond a double."""
    level: list[Any] = [data]
    depth = 0
    while level:
        depth += 1
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                inner.extend(value.values())
            elif type(value) is list:
                inner.extend(value)
            elif type(value) in (int, float) and not -_LARGEST <= value <= _LARGEST:
                raise InvalidJSON("The frame has a number that is too large for JSON parsers.")
            else:
                continue
            if depth > MAX_DEPTH:
                raise InvalidJSON(f"A frame may be nested {MAX_DEPTH} levels deep at most.")
        level = inner


def refusal(error: ValidationError, part: str = "", msg_id: str | None = None) -> InvalidMessage | InvalidJSON:
    """Pydantic's first error, as one sentence about one field of a part such as `hd`, or about the whole."""
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        return InvalidJSON(f"The body is not JSON: {problem['ctx']['error']}.", msg_id=msg_id)
    name = ".".join(filter(None, [part, *(str(step) for step in problem["loc"])]))
    reason = str(problem["msg"]).removeprefix("Value error, ").removesuffix(".")
    if not name:
        return InvalidMessage(f"{reason[0].upper()}{reason[1:]}.", msg_id=msg_id)
    valid_msg_id = msg_id if name != "hd.msg_id" else None
    return InvalidMessage(f"{name}: {reason[0].lower()}{reason[1:]}.", field=name, msg_id=valid_msg_id)
