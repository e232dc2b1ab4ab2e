"""The errors that clients receive: one class per `error` code of docs/en/messages.md."""

import logging
from typing import Any, ClassVar

log = logging.getLogger(__name__)


class DoqchatError(Exception):
    """An error that is reported to a client.

    Args:
        message: one sentence that states the problem and the remedy.
        field: the dotted name of the invalid field, such as `bd.text`.
        msg_id: the idempotency key of the frame that caused it, if known.
        details: additional fields of the error's `bd`, such as `retry_after` in seconds.

    Attributes:
        code: the stable name of the error.
        status: the HTTP status of the response.
        close_code: the close code, where the error closes a WebSocket.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011

    def __init__(self, message: str, *, field: str | None = None, msg_id: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.msg_id = msg_id
        self.details = details

    def as_dict(self) -> dict[str, Any]:
        """The error as the `bd` of an `error` frame and as HTTP's `error` object, without empty fields."""
        known = {"code": self.code, "message": self.message, "field": self.field, "msg_id": self.msg_id}
        return {name: value for name, value in (known | self.details).items() if value is not None}


class InvalidJSON(DoqchatError):
    code, status, close_code = "invalid_json", 400, 4400


class InvalidMessage(DoqchatError):
    code, status, close_code = "invalid_message", 400, 4400


class UnknownEvent(DoqchatError):
    code, status, close_code = "unknown_event", 400, 4400


class TooLarge(DoqchatError):
    code, status, close_code = "too_large", 413, 1009


class RoleForbidden(DoqchatError):
    code, status, close_code = "role_forbidden", 403, 4403


class Unauthenticated(DoqchatError):
    code, status, close_code = "unauthenticated", 401, 4401


class Forbidden(DoqchatError):
    code, status, close_code = "forbidden", 403, 4403


class RateLimited(DoqchatError):
    """A rate limit was exceeded.

    Args:
        message: one sentence that states the limit.
        limit: the name of the limit in the metrics.
        known: as for every error; `retry_after` is in seconds.
    """

    code, status, close_code = "rate_limited", 429, 4429

    def __init__(self, message: str, *, limit: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.limit = limit


class Rejected(DoqchatError):
    """A filter does not allow a text. Filters raise it; the detail `filter` is the filter's name.

    Args:
        message: one sentence for the person who wrote it, without the text itself.
    """

    code, status = "rejected", 422


class SessionClosed(DoqchatError):
    """A moderator has closed the session."""

    code, status, close_code = "session_closed", 409, 4410


class Muted(DoqchatError):
    """A moderator has muted the role; `retry_after` is in seconds, if the mute ends."""

    code, status = "muted", 403


class Conflict(DoqchatError):
    code, status = "conflict", 409


class NotFound(DoqchatError):
    code, status, close_code = "not_found", 404, 4400


class Unavailable(DoqchatError):
    code, status, close_code = "unavailable", 503, 1013


class Unreadable(DoqchatError):
    """Another program has written to the keys of a session: nothing was stored, and a retry does not help."""

    code, status = "unreadable", 409


class Internal(DoqchatError):
    """The server failed. Whether a message is stored is not known."""

    code = "internal"

    def __init__(self, message: str = "Internal error; see the server's log.", **known: Any) -> None:
        super().__init__(message, **known)


def problem_of(error: Exception, what: str) -> DoqchatError:
    """The error that clients receive for an exception; an unexpected one is logged.

    Args:
        error: the exception.
        what: what failed, for the log.
    """
    if isinstance(error, DoqchatError):
        return error
    log.error("%s failed.", what, exc_info=error)
    return Internal()
