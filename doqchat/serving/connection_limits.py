"""Limits of connections on both web servers."""

from doqchat.protocol.names import MAX_FRAME_BYTES

FRAME_BYTES = 1024 * 1024
"""Maximum size of a WebSocket message; a larger one closes the connection with 1009."""

KEPT_BYTES = MAX_FRAME_BYTES + 1
"""How many bytes of a message are kept: enough to see that it exceeds the protocol's limit. The rest is skipped."""

FRAGMENTS = 1024
"""Maximum number of fragments of a message; beyond it the connection is closed with 1008."""

MESSAGE_SECONDS = 30
"""Timeout for completing a message or control frame; then the connection is closed with 1008."""

HEAD_BYTES = 16 * 1024
"""Maximum size of the request line and headers together; larger ones get 431."""

HEAD_SECONDS = 10
"""Timeout for receiving the headers; then the response is 408."""

BODY_BYTES = 64 * 1024
"""Maximum size of a request body; a larger one gets 413."""

ADMIN_BODY_BYTES = 1024 * 1024
"""The same for the forms of the admin, which have a field for each permission."""

BODY_SECONDS = 30
"""Timeout for receiving a body; then the response is 408."""

SEND_SECONDS = 30
"""Timeout for a peer that does not read an HTTP response; then its connection is aborted."""

LATE = "request_timeout"
"""The error code of a 408."""

PING_SECONDS = 20
"""Interval of WebSocket pings, and timeout of the pong."""

CLOSE_SECONDS = 5
"""Timeout for a peer to read the remaining data of a closing connection."""


def body_bytes(path: str) -> int:
    """Maximum size of a request body for this path, regardless of the site's path."""
    return ADMIN_BODY_BYTES if "/admin/" in path else BODY_BYTES
