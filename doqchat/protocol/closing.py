"""Close codes of the socket, and what they mean to a client."""

CLOSE_CODES = {
    1007: "A text frame is not UTF-8.",
    1008: "A message has too many fragments, or took too long.",
    1009: "A frame is too large.",
    1011: "Internal error, or events were deleted during their replay; reconnect with `since`.",
    1012: "The server restarts; reconnect with `since`, after a random delay.",
    1013: "The store is unreachable, or has not confirmed storage; reconnect after a random delay.",
    4400: "The URL is malformed.",
    4401: "The token is missing, invalid or expired; get a new one and reconnect.",
    4403: "The token is not for this session or role, or was revoked; or the page's origin is not allowed.",
    4413: "The client reads too slowly; reconnect with `since`.",
    4429: "Too many frames were refused; reconnect after `retry_after` seconds.",
}

RESERVED_CLOSE_CODES = {
    4404: "There is no such session.",
    4410: "The session is closed.",
}
"""Codes that are not sent yet; clients should not reconnect after them."""

RESERVED_NOTICES = ("admin", "closed", "reopened", "taken_over")
"""Codes of a `session.notice` that are not sent yet."""
