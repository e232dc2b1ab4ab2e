"""Exceptions: one class per `error` code of the protocol, and the client's own."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ChatError(Exception):
    """Base class of all exceptions about a session."""


class Closed(ChatError):
    """The session was closed with `close` before the answer arrived; a message may or may not be stored."""


class Unreachable(ChatError):
    """No connection succeeded within `open_timeout`; `__cause__` is the last failure."""


class QueueFull(ChatError):
    """`max_pending` messages are already pending; this one was not accepted."""


class Undelivered(ChatError):
    """The outcome is unknown: the message may or may not be stored. `__cause__` is the last error, if any.

    Attributes:
        msg_id: resend the same content with it; it is stored once.
    """

    def __init__(self, msg_id: str) -> None:
        super().__init__("The outcome is unknown; send it again with the same msg_id.")
        self.msg_id = msg_id


class ReplyFailed(ChatError):
    """A reply ended in an `llm.error`, or its end is no longer stored (code `lost`).

    Attributes:
        code: the stable code.
        text: the text before the failure.
    """

    def __init__(self, code: str, message: str, text: str) -> None:
        super().__init__(message)
        self.code = code
        self.text = text


class Disconnected(ChatError):
    """A connection ended or could not be opened; the client reconnects. State hooks receive this as the reason.

    Attributes:
        close_code: the WebSocket close code, 1006 if there was none.
        retry_after: the delay requested by the server in seconds, or None.
    """

    def __init__(self, reason: str, close_code: int = 1006, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.retry_after = retry_after


class ProtocolError(Disconnected):
    """The server violated the protocol."""


class ServerError(ChatError):
    """The server refused a message, which is not stored. Unknown codes are instances of this base class.

    Attributes:
        code: the stable code.
        message: one sentence that states the problem and the remedy.
        field: the dotted name of the invalid field.
        msg_id: the key of the refused message.
        retry_after: seconds to wait before a retry, or None.
        details: the whole `bd` of the error.
        close_code: the WebSocket close code, if the server refused the connection.
    """

    wire_code: ClassVar[str] = ""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None, close_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.code: str = self.details.get("code") or self.wire_code
        self.field: str | None = self.details.get("field")
        self.msg_id: str | None = self.details.get("msg_id")
        self.close_code = close_code

    @property
    def retry_after(self) -> float | None:
        """As the class says."""
        seconds = self.details.get("retry_after")
        return float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else None


class InvalidJSON(ServerError):
    wire_code = "invalid_json"


class InvalidMessage(ServerError):
    wire_code = "invalid_message"


class UnknownEvent(ServerError):
    wire_code = "unknown_event"


class TooLarge(ServerError):
    wire_code = "too_large"


class RoleForbidden(ServerError):
    wire_code = "role_forbidden"


class Unauthenticated(ServerError):
    wire_code = "unauthenticated"


class Forbidden(ServerError):
    wire_code = "forbidden"


class RateLimited(ServerError):
    wire_code = "rate_limited"


class Conflict(ServerError):
    wire_code = "conflict"


class Rejected(ServerError):
    wire_code = "rejected"


class Muted(ServerError):
    """A moderator has muted the role; `retry_after` is None if the mute has no end."""

    wire_code = "muted"


class NotFound(ServerError):
    wire_code = "not_found"


class SessionClosed(ServerError):
    """A moderator has closed the session; the client does not reconnect."""

    wire_code = "session_closed"


class Unavailable(ServerError):
    """Every attempt within the timeout was refused or impossible: the message is not stored."""

    wire_code = "unavailable"


class Unreadable(ServerError):
    wire_code = "unreadable"


class Internal(ServerError):
    wire_code = "internal"


BY_CODE = {kind.wire_code: kind for kind in ServerError.__subclasses__()}
FINAL: Mapping[int, type[ServerError]] = {
    4400: InvalidMessage,
    4401: Unauthenticated,
    4403: Forbidden,
    4404: NotFound,
    4410: SessionClosed,
}
"""Permanent close codes, and the exceptions raised for them if no `error` frame preceded."""


def from_wire(bd: Mapping[str, Any], close_code: int | None = None) -> ServerError:
    """The exception for the `bd` of an `error` frame."""
    kind = BY_CODE.get(str(bd.get("code")), ServerError)
    return kind(str(bd.get("message") or "The server refused without giving a reason."), bd, close_code)
