"""Sessions written straight into the store, as PROTOCOL.md says that they are stored."""

import json

import redis

from doqchat.store import keys


def write_messages(
    store: "redis.Redis",
    sid: str,
    *messages: tuple[str, str],
    ids: list[str] | None = None,
    event: str = "chat.message",
) -> list[str]:
    """Store messages, `(role, text)`, under ids of the store's choice or the given ones; their ids."""
    with store.pipeline(transaction=False) as pipeline:
        for number, (role, text) in enumerate(messages):
            envelope = {"hd": {"event": event, "role": role, "sid": sid}, "bd": {"text": text}}
            fields = {"participant": role, "body": json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))}
            pipeline.xadd(keys.stream(sid), fields, id=ids[number] if ids else "*")
        written: list[str] = pipeline.execute()
        return written
