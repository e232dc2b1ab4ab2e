"""Envelopes: read from the server, written for it."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from doqchat_client.errors import InvalidMessage, TooLarge

MAX_FRAME_BYTES = 64 * 1024


class Malformed(Exception):
    """The other side does not speak the protocol."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a session.

    Attributes:
        event: its name, such as `chat.message`.
        role: who speaks: `A`, `B`, `user`, `llm`, or None for the server itself.
        bd: what is said; its fields depend on the event.
        id, prev: its place in the session; None for one that is not stored.
        msg_id: the sender's idempotency key.
        timestamp: RFC 3339.
        raw: the envelope with all its fields.
    """

    event: str
    role: str | None
    bd: Mapping[str, Any]
    id: str | None
    prev: str | None
    msg_id: str | None
    timestamp: str | None
    raw: Mapping[str, Any]

    @property
    def durable(self) -> bool:
        """Whether it is part of the session's stored stream; others are seen once, or missed."""
        return self.id is not None

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a frame; raises Malformed."""
        try:
            raw = json.loads(text)
            hd, bd = raw["hd"], raw.get("bd")
            return cls(
                event=hd["event"],
                role=hd.get("role"),
                bd=bd if isinstance(bd, dict) else {},
                id=hd.get("id"),
                prev=hd.get("prev"),
                msg_id=hd.get("msg_id"),
                timestamp=hd.get("timestamp"),
                raw=raw,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Malformed(f"The frame is no envelope: {text[:80]!r}.") from error


@dataclass(frozen=True, slots=True)
class Gap(Event):
    """Events that were asked for and are no longer kept; what follows begins at the oldest one that is."""

    @property
    def since(self) -> str:
        """The id after which events are missing."""
        return str(self.bd["since"])

    @property
    def oldest_id(self) -> str | None:
        """The oldest event that is kept, or None when none is."""
        return self.bd.get("oldest_id")

    @classmethod
    def told_by(cls, welcome: Event) -> Self | None:
        """The gap that a welcome speaks of."""
        gap = welcome.bd.get("gap")
        if gap is None:
            return None
        return cls("session.gap", None, gap, None, None, None, welcome.timestamp, welcome.raw)


def new_msg_id() -> str:
    """A name for what is sent that nothing else in the session has."""
    return uuid.uuid4().hex


def frame(event: str, bd: Mapping[str, Any], msg_id: str) -> str:
    """Write a frame.

    Raises:
        InvalidMessage: it has text that is not Unicode (lone surrogates) or numbers that are not JSON.
        TooLarge: it has more bytes than the protocol allows; the server would drop the connection over it.
    """
    try:
        text = json.dumps({"hd": {"event": event, "msg_id": msg_id}, "bd": bd}, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except ValueError as error:
        raise InvalidMessage(f"This cannot be sent: {error}.") from error
    if size > MAX_FRAME_BYTES:
        raise TooLarge(f"A frame may have {MAX_FRAME_BYTES:,} bytes at most; send this in parts.")
    return text
