"""What can go wrong: one class per `error` code of the wire protocol, and the client's own."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ChatError(Exception):
    """Anything that this package raises about a session."""


class Closed(ChatError):
    """The client was closed before the server answered; the message may be stored or not."""


class OutboxFull(ChatError):
    """More waits to be sent than the outbox holds; nothing was taken."""


class Undelivered(ChatError):
    """The server has not said what became of the message, or of one of the tries; it may be stored or not.

    Attributes:
        msg_id: send the same text again with it, and it is stored once.
    """

    def __init__(self, msg_id: str) -> None:
        super().__init__("It is not known whether the server has taken this; send it again with the same msg_id.")
        self.msg_id = msg_id


class ServerError(ChatError):
    """The server said no. A code that this version does not know comes as this class itself.

    Attributes:
        code: the stable code.
        message: one sentence that says what is wrong and what to do.
        field: the dotted name of the field at fault.
        msg_id: the message it is about.
        details: the whole `bd` of the error.
        close_code: the WebSocket close code, where the server refused the connection.
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

    @property
    def retry_after(self) -> float:
        """How many seconds to wait before another try."""
        return float(self.details.get("retry_after") or 0)


class Conflict(ServerError):
    wire_code = "conflict"


class Rejected(ServerError):
    wire_code = "rejected"


class NotFound(ServerError):
    wire_code = "not_found"


class SessionClosed(ServerError):
    wire_code = "session_closed"


class Unavailable(ServerError):
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
"""Close codes after which another try would end the same way, and what is raised when no `error` frame said why."""


def from_wire(bd: Mapping[str, Any], close_code: int | None = None) -> ServerError:
    """The exception for the `bd` of an `error` frame."""
    kind = BY_CODE.get(bd.get("code", ""), ServerError)
    return kind(bd.get("message") or "The server refused without saying why.", bd, close_code)
