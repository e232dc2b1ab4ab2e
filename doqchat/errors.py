"""The errors that clients receive: one class per `error` code of docs/en/messages.md."""

from typing import Any, ClassVar


class DoqchatError(Exception):
    """An error that is reported to a client.

    Args:
        message: one sentence that states the problem and the remedy.
        field: the dotted name of the invalid field, such as `bd.text`.
        msg_id: the idempotency key of the frame that caused it, if known.
        details: additional fields of the error's `bd`, such as `retry_after` in seconds.
    """

    code: ClassVar[str] = "internal"

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
    code = "invalid_json"


class InvalidMessage(DoqchatError):
    code = "invalid_message"


class UnknownEvent(DoqchatError):
    code = "unknown_event"


class TooLarge(DoqchatError):
    code = "too_large"


class RoleForbidden(DoqchatError):
    code = "role_forbidden"


class Forbidden(DoqchatError):
    code = "forbidden"


class RateLimited(DoqchatError):
    """A rate limit was exceeded.

    Args:
        message: one sentence that states the limit.
        limit: the name of the limit in the metrics.
        known: as for every error; `retry_after` is in seconds.
    """

    code = "rate_limited"

    def __init__(self, message: str, *, limit: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.limit = limit


class Conflict(DoqchatError):
    code = "conflict"


class NotFound(DoqchatError):
    code = "not_found"


class Unavailable(DoqchatError):
    code = "unavailable"


class Unreadable(DoqchatError):
    """Another program has written to the keys of a session: nothing was stored, and a retry does not help."""

    code = "unreadable"


class Internal(DoqchatError):
    """The server failed. Whether a message is stored is not known."""

    code = "internal"

    def __init__(self, message: str = "Internal error; see the server's log.", **known: Any) -> None:
        super().__init__(message, **known)
