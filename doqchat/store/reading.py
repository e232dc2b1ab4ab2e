"""Read marks: the last event that each role has read."""

from doqchat.errors import NotFound
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards

_READ = load("read")


class Reading:
    """The read marks of all sessions; every call may raise Unavailable."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def mark(self, sid: str, role: str, entry_id: str) -> bool:
        """Mark the events up to an id as read by a role; False if they were already.

        Raises:
            NotFound: the session has no such event.
        """
        used = [keys.stream(sid), keys.read_marks(sid)]
        outcome = await self._shards.of(sid).pipeline.run(_READ, used, role=role, id=entry_id)
        if outcome == "missing":
            raise NotFound("The session has no event with this id.", field="bd.id")
        return bool(outcome == "noted")
