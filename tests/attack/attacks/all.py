"""All attacks by name: importing a module of attacks adds its attacks."""

from tests.attack.attacks import (  # noqa: F401
    bodies,
    crowd,
    floods,
    frames,
    heads,
    logins,
    msg_ids,
    records,
    requests,
    searches,
    storage,
    unfinished,
    unread,
)
from tests.attack.attacks.attack import ATTACKS

__all__ = ["ATTACKS"]
