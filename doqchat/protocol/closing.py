"""Close codes of the socket, and what they mean to a client."""

CLOSE_CODES = {
    1007: "A text frame is not UTF-8.",
    1008: "A message has too many fragments, or took too long.",
    1009: "A frame is too large.",
    1011: "The server failed, or events were removed while they were replayed; connect again with `since`.",
    1012: "The server restarts; connect again with `since`, after a random wait.",
    1013: "The store cannot be reached, or has not confirmed storage; connect again after a random wait.",
    4400: "The URL is malformed.",
    4403: "The page is of another origin.",
    4413: "The client reads too slowly; connect again with `since`.",
    4429: "Too many frames were refused; connect again after `retry_after` seconds.",
}

RESERVED_CLOSE_CODES = {
    4401: "No credential, or one that is invalid or has expired.",
    4404: "There is no such session.",
    4410: "The session is closed.",
}
"""Codes that nothing sends yet; clients should stop at them."""

RESERVED_NOTICES = ("admin", "closed", "reopened", "taken_over")
"""Codes of a `session.notice` that nothing sends yet."""
