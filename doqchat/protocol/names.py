"""Names and limits of the protocol: sessions, roles, display names, profiles, close codes."""

import re
from typing import Annotated, Literal, get_args
from unicodedata import category

from pydantic import AfterValidator, Field, StringConstraints

Role = Literal["A", "B", "user", "llm"]
"""Who an event can be from."""
MemberRole = Literal["A", "B", "user", "observer"]
"""Who a connection can be: an observer reads and says nothing."""
HumanRole = Literal["A", "B", "user"]
HUMAN_ROLES: tuple[HumanRole, ...] = ("A", "B", "user")
DEFAULT_ROLE: Literal["user"] = "user"
MODEL_ROLE: Literal["llm"] = "llm"
OBSERVER: Literal["observer"] = "observer"

Capability = Literal["read", "send", "ask", "cancel", "configure", "moderate"]
"""Permissions in a session: read it; send what others see; ask the model; cancel replies; change the session's
settings; remove messages, mute roles, close it and revoke tokens."""
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

Profile = Literal["basic", "doqchat.v1"]
BASIC: Profile = "basic"
V1: Profile = "doqchat.v1"

SOCKET_PATH = "v1/session/chat"
"""Where the socket is, below the site's path."""

WRITE_TEXT = "doqchat.write_text"
"""An ASGI extension of doqchat's server: a call that writes a text message without waiting."""

MAX_FRAME_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_TEXT = 8_000
LONGEST_ALIAS = 64
LONGEST_TOKEN = 16_384
LONGEST_REASON = 200
"""Maximum length of a moderator's reason, in characters."""

LONGEST_NOTICE = 1_000
"""Maximum length of a moderator's notice, in characters."""

LONGEST_SEARCH = 200
"""Maximum length of a search text, in characters."""

LONGEST_RETENTION = 36_500
"""Maximum number of days for which a session can be kept."""

MOST_PEOPLE = 50
"""Maximum number of people that a welcome and `presence` list; the counts per role include all."""

SID_PATTERN = "^[A-Za-z0-9_.-]{1,64}$"
ID_PATTERN = "(0|[0-9]{1,20}-[0-9]{1,20})"
"""The pattern of an event id."""

_HOUR_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
MOMENT_PATTERN = (
    "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"[Tt ]{_HOUR_MINUTE}:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]{_HOUR_MINUTE})"
)
"""The pattern of an RFC 3339 time with an offset."""

CLOSE_CODES = {
    1007: "A text frame is not UTF-8.",
    1008: "A message has too many fragments, or took too long.",
    1009: "A frame is too large.",
    1011: "Internal error, or events were deleted during their replay; reconnect with `since`.",
    1012: "The server restarts; reconnect with `since`, after a random delay.",
    1013: "The store is unreachable, or has not confirmed storage; reconnect after a random delay.",
    4400: "The URL is malformed.",
    4401: "The token is missing, invalid or expired; get a new one and reconnect.",
    4403: "The token is not for this session or role, or was revoked; the user has logged out or lost access; or the "
    "page's origin is not allowed.",
    4410: "A moderator has closed the session.",
    4413: "The client reads too slowly; reconnect with `since`.",
    4429: "Too many frames were refused; reconnect after `retry_after` seconds.",
}

RESERVED_CLOSE_CODES = {
    4404: "There is no such session.",
}
"""Codes that are not sent yet; clients should not reconnect after them."""

_SID = re.compile(SID_PATTERN)


def is_sid(value: str) -> bool:
    """Whether the value can name a session."""
    return _SID.fullmatch(value) is not None


_JOINERS = "\u200c\u200d"
"""Invisible, but used in Persian names and in emoji."""


def _is_invisible(character: str) -> bool:
    return category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in _JOINERS


def _display_name(value: str) -> str:
    """Reject characters that would break the speaker's label in the prompt, and invisible ones."""
    if any(character in "[]@" or _is_invisible(character) for character in value):
        raise ValueError("a name must not contain brackets, @ or invisible characters")
    return value


def _title(value: str) -> str:
    """Reject line breaks, and characters that could reorder or hide the text around the title."""
    if any(map(_is_invisible, value)):
        raise ValueError("a title must be one line without invisible characters")
    return value


_DISPLAY_NAME_PATTERN = r"^[^\[\]@\u0000-\u001f\u007f-\u009f]*$"
"""The part of `_display_name` that JSON Schema can express."""

DisplayName = Annotated[
    str,
    StringConstraints(max_length=40),
    AfterValidator(_display_name),
    Field(json_schema_extra={"pattern": _DISPLAY_NAME_PATTERN}),
]
"""The display name of a person or the assistant."""

LONGEST_TITLE = 80
"""Maximum length of a session's title, in characters."""

Title = Annotated[
    str,
    StringConstraints(max_length=LONGEST_TITLE),
    AfterValidator(_title),
    Field(json_schema_extra={"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}),
]
"""The title of a session."""
