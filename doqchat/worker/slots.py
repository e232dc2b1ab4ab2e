"""The slots of a worker for one model, which people share."""

import asyncio
from collections import Counter


class Slots:
    """Slots for concurrent replies.

    A person may take another slot only while more are free than the person occupies. So one person alone can occupy
    half of them, a second one half of the rest, and one without a running reply can take any free slot. A worker counts
    only its own slots: each leaves some free, and the counts of a worker that dies end with it.

    Args:
        count: their number.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._occupied: Counter[str] = Counter()
        self._released = asyncio.Event()

    async def wait(self) -> None:
        """Wait until a slot is free."""
        while not self._free:
            self._released.clear()
            await self._released.wait()

    def at_limit(self) -> list[str]:
        """The people who may not take another slot now."""
        return [person for person, occupied in self._occupied.items() if occupied >= self._free]

    def take(self, person: str) -> None:
        """Occupy a slot."""
        self._free -= 1
        self._occupied[person] += 1

    def release(self, person: str) -> None:
        """Free a slot that the person has occupied."""
        self._free += 1
        self._occupied[person] -= 1
        if not self._occupied[person]:
            del self._occupied[person]
        self._released.set()
