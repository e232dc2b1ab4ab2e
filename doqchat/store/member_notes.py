"""Notes of the connections that join and leave sessions, from all processes, until a worker has taken them.

They are not events of the session. So connecting requires no query, and a process that dies loses none. Each process
also lists its open connections and renews the list; once it no longer does, its connections are noted as lost.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context

from doqchat.errors import DoqchatError
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.presence import LASTS_SECONDS
from doqchat.store.script import load
from doqchat.store.shards import Shard

MOST = 20_000
"""Number of notes that the store keeps for a worker, about 5 MB; older ones are dropped."""

RENEW_SECONDS = 5.0

GONE_SECONDS: float = LASTS_SECONDS
"""Time without renewal after which the connections of a process are lost: as long as they count as present."""

KEPT_SECONDS = 24 * 60 * 60
"""How long the lists are kept without a worker, which notes what is lost."""

AT_ONCE = 500

JOINED, LEFT = "member.joined", "member.left"

Notes = Sequence[tuple[str, list[str]]]
"""Notes by id, each with the fields `type`, `data`, and `lost` if the connection's process has ended without it."""

_NOTE, _RENEW = load("member_note"), load("members_renew")
_LOST, _DELETE = load("members_lost"), load("members_delete")


class MemberNotes:
    """Notes the connections of one event loop.

    Args:
        shard: the server with the notes.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._process = uuid.uuid4().hex
        self._open: dict[str, str] = {}
        self._renewing: asyncio.Task[None] | None = None

    def joined(self, connection: str, data: str) -> None:
        """A connection has joined a session; `data` is for the worker, which gets the same when it leaves."""
        self._open[connection] = data
        self._note(JOINED, connection, data)
        if self._renewing is None:
            # In an empty context: it outlives the request that starts it.
            self._renewing = asyncio.get_running_loop().create_task(self._renew_forever(), context=Context())

    def left(self, connection: str) -> None:
        """A connection has left its session."""
        if (data := self._open.pop(connection, None)) is not None:
            self._note(LEFT, connection, data)

    async def close(self) -> None:
        """Stop renewing."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    def _note(self, kind: str, connection: str, data: str) -> None:
        self._shard.pipeline.post_script(
            _NOTE,
            [keys.MEMBERS],
            process=self._process,
            type=kind,
            connection=connection,
            data=data,
            most=MOST,
            kept_seconds=KEPT_SECONDS,
        )

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(DoqchatError):
                await self._renew()

    async def _renew(self) -> None:
        """Renew the list; a process that was suspended for long lists its connections once more."""
        if self._open and not await self._shard.pipeline.run(
            _RENEW, [keys.MEMBERS], process=self._process, kept_seconds=KEPT_SECONDS
        ):
            for connection, data in self._open.items():
                self._note(JOINED, connection, data)


async def note_lost(shard: Shard) -> None:
    """Note that the connections of processes that were killed have left. Raises DoqchatError."""
    noted = AT_ONCE
    while noted:
        noted = await shard.pipeline.run(
            _LOST, [keys.MEMBERS], gone_ms=int(GONE_SECONDS * 1000), count=AT_ONCE, most=MOST
        )


async def first(shard: Shard) -> Notes:
    """The first notes, AT_ONCE at most. Raises DoqchatError."""
    noted: Notes = await shard.pipeline.execute("XRANGE", keys.MEMBERS, "-", "+", "COUNT", AT_ONCE)
    return noted


async def delete(shard: Shard, which: Callable[[str], bool]) -> None:
    """Delete the notes and list entries with such data. Raises DoqchatError."""
    run = shard.pipeline.execute
    noted: Notes = await run("XRANGE", keys.MEMBERS, "-", "+")
    if ids := [note_id for note_id, flat in noted if which(dict(pairs(flat))["data"])]:
        await shard.pipeline.run(_DELETE, [keys.MEMBERS], ids=ids)
    for process in await run("ZRANGE", keys.MEMBERS_PROCESSES, 0, -1):
        listed = keys.open_members(process)
        for connection, data in pairs(await run("HGETALL", listed)):
            if which(data):
                await run("HDEL", listed, connection)
