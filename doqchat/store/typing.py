"""Typing marks, for which automatic replies wait."""

from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards
from doqchat.store.stream import DEBOUNCE_MS

TYPING_MS = 5_000
"""How long a typing notification counts; clients repeat it every 3 seconds."""

_TYPING = load("typing", "wait")


class Typing:
    """The typing marks of all sessions.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    def note(self, sid: str, role: str, *, active: bool) -> None:
        """Record that a role types or has stopped, without waiting; lost if the store is unreachable."""
        used = [keys.typing(sid), keys.settings(sid)]
        pipeline = self._shards.of(sid).pipeline
        pipeline.post_script(_TYPING, used, role=role, active=active, lasts_ms=TYPING_MS, wait_ms=DEBOUNCE_MS)
