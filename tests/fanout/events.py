"""Stores events, with and without a hint."""

import redis

from doqchat.engine import Engine
from doqchat.store import keys
from tests.fanout.conftest import BODY

SILENT = {"participant": "A", "body": BODY}


def ids(frames: list[dict[str, dict[str, str]]]) -> list[str]:
    return [frame["hd"]["id"] for frame in frames]


async def append(engine: Engine, sid: str, count: int = 1) -> list[str]:
    """Store and publish events."""
    return [(await engine.stream.append(sid, "A", BODY)).id for _ in range(count)]


def store_silently(store: "redis.Redis", sid: str) -> str:
    """Store an event without publishing it, as if its hint were lost."""
    return str(store.xadd(keys.stream(sid), SILENT))
