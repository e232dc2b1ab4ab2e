"""What ephemeral events leave in the store: typing marks, for which automatic replies wait, and read receipts."""

from doqchat.errors import NotFound
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards
from doqchat.store.stream import DEBOUNCE_MS

TYPING_MS = 5_000
"""How long a typing notification counts; clients repeat it every 3 seconds."""

_TYPING, _READ = load("typing", "wait"), load("read", "session", "border")


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


class ReadReceipts:
    """The last event that each role has read, in all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def mark(self, sid: str, role: str, entry_id: str) -> bool:
        """Mark the events up to an id as read by a role; False if they were already.

        Raises:
            NotFound: the session has no such event.
        """
        used = [keys.stream(sid), keys.read_receipts(sid)]
        outcome = await self._shards.of(sid).pipeline.run(_READ, used, role=role, id=entry_id)
        if outcome == "missing":
            raise NotFound("The session has no event with this id.", field="bd.id")
        return bool(outcome == "noted")
