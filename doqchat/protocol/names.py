"""Names and limits of the protocol: sessions, roles, profiles."""

import re
from typing import Literal

Role = Literal["A", "B", "user", "llm"]
"""Who an event can be from."""
MemberRole = Literal["A", "B", "user", "observer"]
"""Who a connection can be: an observer reads and says nothing."""
HUMAN_ROLES: tuple[Literal["A", "B", "user"], ...] = ("A", "B", "user")
DEFAULT_ROLE: Literal["user"] = "user"
MODEL_ROLE: Literal["llm"] = "llm"
OBSERVER: Literal["observer"] = "observer"

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
LONGEST_SEARCH = 200
"""Maximum length of a search text, in characters."""

SID_PATTERN = "^[A-Za-z0-9_.-]{1,64}$"
ID_PATTERN = "(0|[0-9]{1,20}-[0-9]{1,20})"
"""The pattern of an event id."""

_HOUR_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
MOMENT_PATTERN = (
    "(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"[Tt ]{_HOUR_MINUTE}:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]{_HOUR_MINUTE})"
)
"""The pattern of an RFC 3339 time with an offset."""

_SID = re.compile(SID_PATTERN)


def is_sid(value: str) -> bool:
    """Whether the value can name a session."""
    return _SID.fullmatch(value) is not None
