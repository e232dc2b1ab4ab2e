"""Events that are stored without telling anybody, as an earlier conversation has left them."""

import json
from collections.abc import Iterable

import redis

from doqchat.store import keys


def store_messages(store: "redis.Redis", sid: str, texts: Iterable[str], role: str = "B") -> None:
    """Store a `chat.message` for each text."""
    batch = store.pipeline(transaction=False)
    for text in texts:
        body = json.dumps({"hd": {"event": "chat.message", "role": role, "sid": sid}, "bd": {"text": text}})
        batch.xadd(keys.stream(sid), {"participant": role, "body": body})
    batch.execute()
