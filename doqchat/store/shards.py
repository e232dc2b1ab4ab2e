"""The servers that store the sessions: each session is on exactly one of them."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from doqchat.errors import Internal
from doqchat.store import keys
from doqchat.store.clients import commands, database
from doqchat.store.connection import LastSeen
from doqchat.store.counts import Counts
from doqchat.store.hints import Ended, Hints
from doqchat.store.pipeline import Pipeline


def shard_index(sid: str, shards: int) -> int:
    """The index of a session's shard: by CRC, as channels_redis distributes groups over its hosts."""
    return int((crc32(sid.encode()) & 0xFFF) / (4096 / shards))


def layer_prefix(urls: Sequence[str]) -> str:
    """Prefix of the channel layer's channels, with the database numbers, because Pub/Sub ignores databases."""
    return keys.in_database(keys.LAYER_PREFIX, *map(database, urls))


class Memory(NamedTuple):
    """The memory of a server in bytes; a limit of 0 is none."""

    used: int
    limit: int


class Shard:
    """One server, with a client for each purpose.

    Args:
        url: the server.
        prefix: prefix of the channel layer's channels.
        ended: called with each envelope that ends a reply.

    Attributes:
        workers_channel: the channel that notifies workers, see keys.workers_channel.
        logins_channel: the channel that notifies web processes of logins that end, see keys.logins_channel.
        commands: a redis-py client for occasional commands.
        appends: the pipeline of appends, which wait for nothing else.
        pipeline: the pipeline of other frequent commands.
        reads: the pipeline of stream pages, which may be large and must not delay the others.
        hints: posts updates of other hash slots.
        counts: counts what clients do.
    """

    def __init__(self, url: str, prefix: str, ended: Ended) -> None:
        self.url = url
        self._prefix = prefix
        self.workers_channel = keys.workers_channel(database(url))
        self.logins_channel = keys.logins_channel(database(url))
        self.commands = commands(url)
        last_seen = LastSeen()
        self.appends = Pipeline(url, last_seen, ask_first=True)
        self.pipeline = Pipeline(url, last_seen)
        self.reads = Pipeline(url, last_seen, batch=16)
        self.hints = Hints(self.appends, self.pipeline, self.workers_channel, ended)
        self.counts = Counts(self.pipeline)

    def channel(self, sid: str) -> str:
        """The channel of a session's group in the channel layer."""
        return keys.channel(self._prefix, sid)

    async def memory(self) -> Memory | None:
        """The server's memory; None if it does not permit INFO. Raises Unavailable."""
        try:
            text = await self.pipeline.execute("INFO", "memory")
        except Internal:
            return None
        known = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return Memory(used=int(known.get("used_memory", 0)), limit=int(known.get("maxmemory", 0)))

    async def archive_lag(self) -> float | None:
        """Seconds since the archive had all events; None if nothing was archived yet. Raises Unavailable."""
        archived_at, now = await asyncio.gather(self.pipeline.execute("GET", keys.ARCHIVED_AT), self.pipeline.time())
        return None if archived_at is None else max(now - int(archived_at) / 1000, 0.0)

    async def close(self) -> None:
        """Close all connections."""
        await self.counts.close()
        await self.commands.aclose()
        await asyncio.gather(self.appends.close(), self.pipeline.close(), self.reads.close())


class Shards:
    """All servers.

    Args:
        urls: in the order of the setting; it must not change once there are sessions.
        ended: called with each envelope that a script run here has stored to end a reply; None for nothing.
    """

    def __init__(self, urls: Sequence[str], ended: Ended | None = None) -> None:
        prefix = layer_prefix(urls)
        self._shards = [Shard(url, prefix, ended or (lambda envelope: None)) for url in urls]

    def of(self, sid: str) -> Shard:
        """The server of a session."""
        return self._shards[shard_index(sid, len(self._shards))]

    @property
    def counts(self) -> Counts:
        """Counts what belongs to no session, on the first server."""
        return self._shards[0].counts

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(shard.close() for shard in self._shards))
