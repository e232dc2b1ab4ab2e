"""The servers that hold the sessions: each session lives on one of them, whole."""

from collections.abc import Iterator, Sequence
from zlib import crc32

from doqchat.store import keys
from doqchat.store.clients import commands, database
from doqchat.store.hints import Hints
from doqchat.store.link import Heard
from doqchat.store.pipeline import Pipeline


def shard_index(sid: str, shards: int) -> int:
    """Which of so many shards holds a session: by CRC, as channels_redis distributes over its hosts."""
    return int((crc32(sid.encode()) & 0xFFF) / (4096 / shards))


def layer_prefix(urls: Sequence[str]) -> str:
    """What the channels of the channel layer begin with: channels belong to no database, so its number is in them."""
    return keys.in_database(keys.LAYER_PREFIX, *map(database, urls))


class Shard:
    """One server, with a client for each way of talking to it.

    Args:
        url: the server.
        prefix: what the channels of the channel layer begin with.

    Attributes:
        workers_channel: the channel on which workers learn what concerns them, see keys.workers_channel.
        commands: for commands that answer at once.
        appends: for what people say, which waits for nothing else.
        pipeline: for what else runs with every message and every connection.
        reads: for pages of the streams, which may be large and must not hold up the rest.
        hints: what scripts of a session ask for in other slots.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self._prefix = prefix
        self.workers_channel = keys.workers_channel(database(url))
        self.commands = commands(url)
        heard = Heard()
        self.appends = Pipeline(url, heard, ask_first=True)
        self.pipeline = Pipeline(url, heard)
        self.reads = Pipeline(url, heard, batch=16)
        self.hints = Hints(self.appends, self.pipeline, self.workers_channel)

    def channel(self, sid: str) -> str:
        """The channel of a session's group in the channel layer."""
        return keys.channel(self._prefix, sid)

    async def close(self) -> None:
        """Drop all connections."""
        await self.commands.aclose()
        await self.appends.close()
        await self.pipeline.close()
        await self.reads.close()


class Shards:
    """All servers, in the order that the setting gives them in; the order must not change once there are sessions."""

    def __init__(self, urls: Sequence[str]) -> None:
        prefix = layer_prefix(urls)
        self._shards = [Shard(url, prefix) for url in urls]

    def of(self, sid: str) -> Shard:
        """The server that holds a session."""
        return self._shards[shard_index(sid, len(self._shards))]

    def __iter__(self) -> Iterator[Shard]:
        return iter(self._shards)

    async def close(self) -> None:
        """Drop all connections."""
        for shard in self._shards:
            await shard.close()
