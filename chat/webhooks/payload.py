"""The body of a webhook: `type`, `timestamp` and `data`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from chat.webhooks.models import EventType
from doqchat.protocol import server
from doqchat.protocol.events import (
    ChatMessage,
    LLMError,
    LLMRequest,
    LLMResponse,
    MessageRemoved,
    SessionClosed,
    SessionNotice,
)
from doqchat.protocol.ids import id_at, time_of

if TYPE_CHECKING:
    from doqchat.archive.models import ArchivedEvent  # its models require an installed app

_TYPES = {
    ChatMessage.event: EventType.MESSAGE_CREATED,
    LLMRequest.event: EventType.MESSAGE_CREATED,
    LLMResponse.event: EventType.REPLY_FINISHED,
    LLMError.event: EventType.REPLY_FAILED,
    MessageRemoved.event: EventType.MESSAGE_REMOVED,
    SessionClosed.event: EventType.SESSION_CLOSED,
}


def type_of(event: "ArchivedEvent") -> EventType | None:
    """The type of the webhook of an event; None if it has none."""
    if event.event == SessionNotice.event:
        return EventType.SESSION_REOPENED if server.reopens(event.body) else None
    return _TYPES.get(event.event)


def time_stored(event: "ArchivedEvent") -> datetime:
    """When an event was stored."""
    return time_of(id_at(event.position))


def of_event(sid: str, event: "ArchivedEvent") -> tuple[datetime, dict[str, Any]]:
    """The time and the `data` of an event: as clients get it, but without `prev`."""
    envelope: dict[str, Any] = from_json(event.body)
    hd = {name: value for name, value in envelope["hd"].items() if name not in ("id", "prev")}
    return time_stored(event), {"sid": sid, **envelope, "hd": {"id": id_at(event.position), **hd}}


def body(kind: str, timestamp: datetime, data: dict[str, Any]) -> bytes:
    """The body as it is sent."""
    time = timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return to_json({"type": kind, "timestamp": time, "data": data}, inf_nan_mode="null")
