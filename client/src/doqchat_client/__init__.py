"""The reference client of doqchat: sends that arrive once, events in order without gaps.

`Client` is the way in; PROTOCOL.md of doqchat says what the events mean.
"""

from doqchat_client.client import Client, Sent
from doqchat_client.errors import (
    ChatError,
    Closed,
    Conflict,
    Forbidden,
    Internal,
    InvalidJSON,
    InvalidMessage,
    NotFound,
    OutboxFull,
    RateLimited,
    Rejected,
    RoleForbidden,
    ServerError,
    SessionClosed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Undelivered,
    UnknownEvent,
    Unreadable,
)
from doqchat_client.events import Event, Gap
from doqchat_client.replies import Replies
from doqchat_client.reply import Reply

__all__ = [
    "ChatError",
    "Client",
    "Closed",
    "Conflict",
    "Event",
    "Forbidden",
    "Gap",
    "Internal",
    "InvalidJSON",
    "InvalidMessage",
    "NotFound",
    "OutboxFull",
    "RateLimited",
    "Rejected",
    "Replies",
    "Reply",
    "RoleForbidden",
    "Sent",
    "ServerError",
    "SessionClosed",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Undelivered",
    "UnknownEvent",
    "Unreadable",
]
