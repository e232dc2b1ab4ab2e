"""The names that the protocol is made of: sessions, roles, profiles, limits."""

import re
from typing import Literal

Role = Literal["A", "B", "user", "llm"]
HUMAN_ROLES = ("A", "B", "user")
DEFAULT_ROLE: Role = "user"
MODEL_ROLE: Role = "llm"

Profile = Literal["basic", "doqchat.v1"]
BASIC: Profile = "basic"
V1: Profile = "doqchat.v1"

SOCKET_PATH = "v1/session/chat"
"""Where the socket is, below the site's path."""

MAX_FRAME_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_TEXT = 8_000
LONGEST_ALIAS = 64
LONGEST_SEARCH = 200
"""Characters of a text that is looked for."""

_SID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def is_sid(value: str) -> bool:
    """Whether the value can name a session."""
    return _SID.fullmatch(value) is not None
