"""The lock of the archiver: one process archives the sessions of a server."""

import asyncio
import uuid
from contextlib import suppress

from doqchat.errors import DoqchatError
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard

KEPT_MS = 3_000
"""Expiry of the lock, after which another process takes over, and nothing is removed from the store."""

RENEWED_SECONDS = 1.0
"""Interval at which the lock is renewed, also while the database is slow."""

_TAKE = load("sweep_take")


class ArchiverLock:
    """The lock on one server.

    Args:
        shard: the server.

    Attributes:
        deadline: when the lock expires, in ms of the store's clock; 0 before it was taken.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._name = uuid.uuid4().hex
        self.deadline = 0

    async def hold(self) -> int:
        """Take or renew the lock; the store's clock in ms, or 0 if another process has it or archiving is paused."""
        if await self._shard.pipeline.execute("EXISTS", keys.ARCHIVER_PAUSED):
            await self.release()
            return 0
        return await self._take()

    async def renew(self) -> None:
        """Renew the lock until cancelled, so that its expiry can be short: it shows that this process is alive."""
        while True:
            await asyncio.sleep(RENEWED_SECONDS)
            with suppress(DoqchatError):
                await self._take()

    async def release(self) -> None:
        """Delete the lock, if this process has it."""
        if await self._shard.pipeline.execute("GET", keys.ARCHIVER) == self._name:
            await self._shard.pipeline.execute("DEL", keys.ARCHIVER)

    async def _take(self) -> int:
        now = int(await self._shard.pipeline.run(_TAKE, [keys.ARCHIVER], name=self._name, ms=KEPT_MS))
        self.deadline = now + KEPT_MS
        return now
