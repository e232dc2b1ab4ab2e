"""The id of the HTTP request, the socket or the reply that is being handled: it is in every line of its log."""

import re
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("doqchat_request_id", default="")
"""The id; empty outside of requests. Tasks that outlive a request are started in an empty context."""

_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,127}")


def new_request_id() -> str:
    """An id that no other request has."""
    return uuid.uuid4().hex


def is_request_id(text: str) -> bool:
    """Whether a proxy's id is accepted: 1 to 128 ASCII letters, digits and `._:@/+=-`, the first one of the former."""
    return _VALID.fullmatch(text) is not None
