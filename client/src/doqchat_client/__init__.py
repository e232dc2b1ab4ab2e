"""The reference client of doqchat: exactly-once sends, and ordered events without gaps.

`connect` joins a session. All exceptions are in `doqchat_client.exceptions`; the events are described in doqchat's
docs/en/messages.md.
"""

from doqchat_client.connecting import connect
from doqchat_client.events import (
    Closure,
    Event,
    Gap,
    Message,
    Notice,
    Presence,
    Read,
    Removal,
    ReplyDone,
    ReplyError,
    ReplyPiece,
    Request,
    Typing,
    Welcome,
)
from doqchat_client.exceptions import ChatError, ServerError, Unavailable, Undelivered
from doqchat_client.reconnecting import State
from doqchat_client.reply import Piece, Reply
from doqchat_client.session import Sent, Session

__all__ = [
    "ChatError",
    "Closure",
    "Event",
    "Gap",
    "Message",
    "Notice",
    "Piece",
    "Presence",
    "Read",
    "Removal",
    "Reply",
    "ReplyDone",
    "ReplyError",
    "ReplyPiece",
    "Request",
    "Sent",
    "ServerError",
    "Session",
    "State",
    "Typing",
    "Unavailable",
    "Undelivered",
    "Welcome",
    "connect",
]
