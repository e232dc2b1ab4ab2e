"""The automatic replies of a server, and its clock."""

import redis

from doqchat.engine import Engine
from doqchat.worker import automatic_replies as due


def moment(queue: "redis.Redis") -> int:
    """The store's clock, in ms."""
    seconds, microseconds = queue.time()
    return int(seconds * 1000 + microseconds // 1000)


def automatic_replies(engine: Engine, sid: str) -> due.AutomaticReplies:
    """The automatic replies of the session's server."""
    return due.AutomaticReplies(engine.shards.of(sid), engine.limits, engine.budget, engine.clients)
