"""Events: parsed into typed objects, and serialised for the server."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, ClassVar, Self, get_origin

from doqchat_client.exceptions import InvalidJSON, InvalidMessage, ProtocolError, TooLarge
from doqchat_client.reply import Reply

MAX_FRAME_BYTES = 64 * 1024
MAX_DEPTH = 16
_MSG_ID = re.compile(r"[\x20-\x7e]{1,64}")


@dataclass(kw_only=True)
class Event:
    """An event of a session. Events without a class in this version, or with an invalid `bd`, are instances of this
    base class.

    Attributes:
        hd, bd: the head and body of the envelope, with all fields.
    """

    name: ClassVar[str] = ""

    hd: Mapping[str, Any] = field(repr=False)
    bd: Mapping[str, Any] = field(repr=False)

    @property
    def event(self) -> str:
        """Its name on the wire, such as `chat.message`."""
        return str(self.hd["event"])

    @property
    def role(self) -> str | None:
        """Who speaks: `A`, `B`, `user`, `llm`, or None for the server itself."""
        return self.hd.get("role")

    @property
    def id(self) -> str | None:
        """Its id in the session; None for an ephemeral event."""
        return self.hd.get("id")

    @property
    def prev(self) -> str | None:
        """The id of the previous stored event."""
        return self.hd.get("prev")

    @property
    def msg_id(self) -> str | None:
        """The sender's idempotency key."""
        return self.hd.get("msg_id")

    @property
    def timestamp(self) -> str | None:
        """RFC 3339."""
        return self.hd.get("timestamp")

    @property
    def durable(self) -> bool:
        """Whether it is stored; ephemeral events are delivered at most once."""
        return self.id is not None

    @property
    def removed(self) -> bool:
        """Whether a moderator has removed its text, which is then empty."""
        return self.hd.get("removed") is True


@dataclass(kw_only=True)
class Message(Event):
    """A message of a member."""

    name = "chat.message"
    text: str


@dataclass(kw_only=True)
class Request(Event):
    """A request of a member to the model; `llm` is the alias of the model, None for the session's."""

    name = "llm.request"
    prompt: str
    llm: str | None = None


@dataclass(kw_only=True)
class _OfReply(Event):
    """An event about a reply.

    Attributes:
        reply: the current reply, which may be ahead of this event.
    """

    reply_id: str
    request_id: str
    text: str
    reply: Reply = field(init=False, repr=False, compare=False)


@dataclass(kw_only=True)
class ReplyPiece(_OfReply):
    """A piece of a reply; an empty one announces an automatic reply. `offset` counts the characters before it."""

    name = "llm.streaming"
    attempt: int
    offset: int


@dataclass(kw_only=True)
class ReplyDone(_OfReply):
    """The end of a reply; `text` is the whole text."""

    name = "llm.response"
    finish_reason: str
    model: str = ""
    usage: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class ReplyError(_OfReply):
    """The failure of a reply; `text` is the text before it."""

    name = "llm.error"
    code: str
    message: str


@dataclass(kw_only=True)
class Notice(Event):
    """A notice of the server about the session.

    Attributes:
        code: `muted`, `unmuted`, `reopened`, `erased`, `held`, `released`, `exported`, `admin` or `unreadable`.
        until: with `muted`: when it ends, in RFC 3339; None for no end.
        reason: the moderator's, if any.
    """

    name = "session.notice"
    code: str
    text: str
    until: str | None = None
    reason: str | None = None

    @property
    def target(self) -> str | None:
        """With `muted` and `unmuted`: the role that it is about."""
        return self.bd.get("role")


@dataclass(kw_only=True)
class Removal(Event):
    """A moderator has removed a message, a request or a reply."""

    name = "message.removed"
    reason: str | None = None

    @property
    def removed_id(self) -> str:
        """The id of the removed event."""
        return str(self.bd.get("id"))


@dataclass(kw_only=True)
class Closure(Event):
    """A moderator has closed the session; the iteration then raises SessionClosed."""

    name = "session.closed"
    reason: str | None = None


@dataclass(kw_only=True)
class Welcome(Event):
    """The state of the session when a connection joins or has synchronised.

    Attributes:
        last_id: the last stored event, which ends the replay.
        can: what the connection's credential allows, such as `send`; empty from older servers.
        members: number of connections per role.
        people: `role`, `name`, `person` and `connections` of each person, up to 50.
        read: the last read event per role.
        replies: the active replies.
    """

    name = "session.welcome"
    last_id: str
    can: list[str] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    replies: tuple[Reply, ...] = field(init=False, default=())


@dataclass(kw_only=True)
class Presence(Event):
    """A member joined or left; `members` and `people` as in `Welcome`."""

    name = "presence"
    members: dict[str, int]
    people: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class Typing(Event):
    """A member is typing, or has stopped."""

    name = "chat.typing"
    active: bool


@dataclass(kw_only=True)
class Read(Event):
    """A member has read up to an event, whose id is `bd["id"]`."""

    name = "chat.read"

    @property
    def up_to(self) -> str:
        """The id of that event."""
        return str(self.bd.get("id"))


@dataclass(kw_only=True)
class Gap(Event):
    """Requested events after `since` are no longer stored. The following events begin at `oldest_id`, the oldest stored
    event; if that is None, with new events."""

    name = "session.gap"
    since: str
    oldest_id: str | None = None

    @classmethod
    def of(cls, welcome: Event, since: str | None) -> Self | None:
        """The gap that a welcome reports to a reader who is at `since`."""
        gap = welcome.bd.get("gap")
        if not isinstance(gap, dict):
            return None
        hd, oldest = {**welcome.hd, "event": cls.name}, gap.get("oldest_id")
        return cls(
            hd=hd,
            bd=gap,
            since=since or str(gap.get("since")),
            oldest_id=oldest if isinstance(oldest, str) else None,
        )


_TYPES: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        Message, Request, ReplyPiece, ReplyDone, ReplyError, Notice, Removal, Closure, Welcome, Presence, Typing, Read
    )
}  # fmt: skip


def read(text: str) -> Event:
    """Read a frame; raises ProtocolError."""
    try:
        envelope = json.loads(text)
        hd, bd = envelope["hd"], envelope.get("bd")
        kind = _TYPES.get(hd["event"], Event)
        if not all(isinstance(hd.get(name, ""), str) for name in ("event", "id", "prev")):
            raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"The frame is not an envelope: {text[:80]!r}.") from error
    bd = bd if isinstance(bd, dict) else {}
    own = {one.name: one.type for one in fields(kind) if one.init and one.name not in ("hd", "bd")}
    values = {name: bd[name] for name in own if name in bd}
    try:
        if all(_is(values[name], own[name]) for name in values):
            return kind(hd=hd, bd=bd, **values)
    except TypeError:  # a field is missing
        pass
    return Event(hd=hd, bd=bd)


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind if isinstance(kind, type | UnionType) else get_origin(kind) or object)


def new_msg_id() -> str:
    """A unique idempotency key."""
    return uuid.uuid4().hex


def write(
    event: str,
    bd: Mapping[str, Any],
    msg_id: str,
    extra_hd: Mapping[str, Any] | None = None,
    extra_bd: Mapping[str, Any] | None = None,
) -> str:
    """Serialise a frame, with additional fields of the program.

    The server's limits are checked here, so that each of its refusals names a `msg_id`.

    Raises:
        ValueError: an additional field has the name of one of the protocol's.
        InvalidJSON: it is nested too deeply, or has a number that JSON does not allow.
        InvalidMessage: it has lone surrogates, or an invalid msg_id.
        TooLarge: it exceeds the size limit.
    """
    hd = {"event": event, "msg_id": msg_id}
    for part, own, further in (("hd", hd, extra_hd or {}), ("bd", bd, extra_bd or {})):
        if taken := set(further) & {*own, *(("id", "prev", "sid") if part == "hd" else ())}:
            raise ValueError(f"{part}: {', '.join(sorted(taken))} cannot be set here.")
    if not _MSG_ID.fullmatch(msg_id):
        raise InvalidMessage("msg_id: 1 to 64 printable ASCII characters.", {"field": "hd.msg_id"})
    envelope = {"hd": {**(extra_hd or {}), **hd}, "bd": {**(extra_bd or {}), **bd}}
    try:
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidMessage(f"This cannot be sent: {error}.") from error
    except ValueError as error:
        raise InvalidJSON(f"This cannot be sent: {error}.") from error
    if size > MAX_FRAME_BYTES:
        raise TooLarge(f"A frame may have {MAX_FRAME_BYTES:,} bytes at most; send this in parts.")
    if _depth(envelope) > MAX_DEPTH:
        raise InvalidJSON(f"A frame may be nested {MAX_DEPTH} levels deep at most.")
    return text


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)
