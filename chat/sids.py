"""Names of sessions. New ones are readable aloud and hard to guess."""

import secrets

from doqchat.protocol.names import is_sid

_FIRST = (
    "amber", "autumn", "bright", "brisk", "calm", "clear", "coral", "dawn", "early", "gentle", "golden", "green",
    "kind", "late", "light", "lucky", "mellow", "misty", "open", "quiet", "silver", "snowy", "spring", "still",
    "summer", "sunny", "tidal", "vivid", "warm", "winter", "wise", "young",
)  # fmt: skip
_SECOND = (
    "anchor", "bridge", "brook", "cedar", "cloud", "comet", "field", "garden", "harbor", "heron", "hill", "island",
    "lake", "lantern", "maple", "meadow", "moon", "orchard", "otter", "pine", "plum", "pond", "reed", "river",
    "shore", "sparrow", "stone", "tide", "tower", "valley", "willow", "wind",
)  # fmt: skip
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_sid() -> str:
    """A random session id such as `calm-river-7kq2m9xd`: about 50 bits, so that it is not found by trying."""
    tail = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{secrets.choice(_FIRST)}-{secrets.choice(_SECOND)}-{tail}"


def has_a_page(sid: str) -> bool:
    """Whether the sid can be part of a path: browsers resolve `.` and `..`."""
    return is_sid(sid) and sid not in (".", "..")
