"""Error responses of the web servers themselves, before or instead of the application."""

import json
from functools import lru_cache
from http import HTTPStatus

from doqchat.errors import Internal, InvalidMessage, RateLimited, TooLarge, Unavailable
from doqchat.serving.connection_limits import LATE

CODES = {
    408: LATE,
    413: TooLarge.code,
    429: RateLimited.code,
    431: TooLarge.code,
    500: Internal.code,
    503: Unavailable.code,
}
"""The error code for each status that the server itself answers with; the others are `invalid_message`."""


@lru_cache(maxsize=32)
def error_response(status: int, message: str) -> bytes:
    """An error response of the server, in the format of the API's errors; then the connection is closed."""
    body = json.dumps({"error": {"code": CODES.get(status, InvalidMessage.code), "message": message}}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
