"""What can go wrong: one class per `error` code of the protocol, and the client's own."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ChatError(Exception):
    """Anything that this package raises about a session."""


class Closed(ChatError):
    """The session was closed with `close` before the answer came; a message may be stored or not."""


class Unreachable(ChatError):
    """No connection was made within `open_timeout`; the last try's failure is the `__cause__`."""


class QueueFull(ChatError):
    """`max_pending` messages wait for their acknowledgement already; this one was not taken."""


class Undelivered(ChatError):
    """It is not known whether the message is stored; `__cause__` is what the server said last, if anything.

    Attributes:
        msg_id: send the same content again with it, and it is stored once.
    """

    def __init__(self, msg_id: str) -> None:
        super().__init__("It is not known whether the server has taken this; send it again with the same msg_id.")
        self.msg_id = msg_id


class ReplyFailed(ChatError):
    """A reply ended in an `llm.error`, or its end is no longer kept (code `lost`).

    Attributes:
        code: the stable code.
        text: what the model had said before.
    """

    def __init__(self, code: str, message: str, text: str) -> None:
        super().__init__(message)
        self.code = code
        self.text = text


class Disconnected(ChatError):
    """A connection ended or could not be opened; another one follows. State hooks get this as their reason.

    Attributes:
        close_code: the WebSocket close code, 1006 where there was none.
        retry_after: how many seconds the server asks to wait, or None.
    """

    def __init__(self, reason: str, close_code: int = 1006, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.retry_after = retry_after


class ProtocolError(Disconnected):
    """What the server sent does not follow the protocol."""


class ServerError(ChatError):
    """The server refused; what it was about is not stored. A code that this version does not know comes as this class.

    Attributes:
        code: the stable code.
        message: one sentence that says what is wrong and what to do.
        field: the dotted name of the field at fault.
        msg_id: the message it is about.
        retry_after: how many seconds to wait before another try, or None.
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
    wire_code = "muted"


class NotFound(ServerError):
    wire_code = "not_found"


class SessionClosed(ServerError):
    wire_code = "session_closed"


class Unavailable(ServerError):
    """Each try was refused or none could be made within the timeout: the message is not stored."""

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
"""Close codes after which the same try would end the same way, and what is raised when no `error` frame said why."""


def from_wire(bd: Mapping[str, Any], close_code: int | None = None) -> ServerError:
    """The exception for the `bd` of an `error` frame."""
    kind = BY_CODE.get(str(bd.get("code")), ServerError)
    return kind(str(bd.get("message") or "The server refused without a reason."), bd, close_code)
