"""Names for new sessions: readable aloud, hard to guess."""

import secrets

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
