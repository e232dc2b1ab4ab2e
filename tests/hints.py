"""What the hints of a store lead to: queues and indexes, see doqchat/store/hints.py."""

import redis

from doqchat.engine import Engine
from doqchat.store import keys
from doqchat.store.shards import Shard
from doqchat.worker.sweeper import Sweeper


async def posted(*shards: Shard) -> None:
    """Return when all hints that were posted to servers have arrived."""
    for shard in shards:
        for _ in range(4):  # a script that the server did not know is sent again, and its result may post others
            await shard.pipeline.execute("PING")


def queued(store: "redis.Redis", alias: str = "default") -> list[tuple[str, str]]:
    """The sessions and replies in a model's queue, oldest request first."""
    return [(sid, reply) for sid, _, reply in (each.partition(" ") for each in store.zrange(keys.queue(alias), 0, -1))]


def run_out(store: "redis.Redis", sid: str, reply: str, deliveries: int | None = None) -> None:
    """Have the lease of a reply run out, as when its worker has died.

    Args:
        store: the store.
        sid: the session.
        reply: the reply.
        deliveries: how many workers had it; as many as it was given to if this is None.
    """
    known = {"lease": "dead", "leased_until": 1} | ({} if deliveries is None else {"deliveries": deliveries})
    store.hset(keys.reply(sid, reply), mapping=known)


def said_long_ago(store: "redis.Redis", sid: str, since: float = 0) -> None:
    """Have the automatic reply of a session due as if the message had been said at a moment, ms since 1970."""
    store.hset(keys.due(sid), mapping={"since": since, "at": since})
    store.zadd(keys.DUE, {sid: since})


async def swept(engine: Engine) -> None:
    """Have all sessions of all servers swept once, and from then on by no process."""
    for shard in engine.shards:
        await posted(shard)
        sweeper = Sweeper(shard)
        await shard.pipeline.execute("SET", keys.SWEEPER, sweeper.name)
        await sweeper.sweep()
        await shard.pipeline.execute("PERSIST", keys.SWEEPER)
        await posted(shard)
