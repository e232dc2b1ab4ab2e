"""A session as its store has it, and as a client read it."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence

import redis
from doqchat_client import Event, Session

from doqchat.store import keys

WITHIN = 30.0


class SessionLog:
    """What the store has of one session."""

    def __init__(self, store: "redis.Redis", sid: str) -> None:
        self._store = store
        self._key = keys.stream(sid)
        self._sid = sid

    def ids(self) -> list[str]:
        """The ids of its events, in order."""
        return [entry_id for entry_id, _ in self._store.xrange(self._key)]

    def texts(self) -> list[str]:
        """What was said, in order."""
        return [json.loads(fields["body"])["bd"]["text"] for _, fields in self._store.xrange(self._key)]

    def fill(self, texts: Iterable[str]) -> None:
        """Store messages, past the servers: they see them when they look."""
        pipeline = self._store.pipeline(transaction=False)
        for text in texts:
            hd = {"event": "chat.message", "role": "A", "sid": self._sid, "timestamp": "2026-11-22T10:00:00Z"}
            body = json.dumps({"hd": hd, "bd": {"text": text}}, ensure_ascii=False, separators=(",", ":"))
            pipeline.xadd(self._key, {"participant": "A", "body": body})
        pipeline.execute()

    def trim(self, keep: int) -> None:
        """Remove all but the newest."""
        self._store.xtrim(self._key, maxlen=keep, approximate=False)

    async def next_stored(self) -> None:
        """Returns once there is one more than now."""
        last = (self.ids() or ["0-0"])[-1]
        found = await asyncio.to_thread(self._store.xread, {self._key: last}, block=int(WITHIN * 1000))
        assert found, "Nothing was stored."


async def read_until(chat: Session, done: Callable[[Event], bool]) -> list[Event]:
    """The events up to and including the first for which `done` holds."""
    events: list[Event] = []
    async with asyncio.timeout(WITHIN):
        async for event in chat:
            events.append(event)
            if done(event):
                return events
    raise AssertionError("The session ended before.")


async def read_to(chat: Session, entry_id: str) -> list[Event]:
    """The events up to and including the one with this id."""
    return await read_until(chat, lambda event: event.id == entry_id)


def durable_ids(events: Sequence[Event]) -> list[str | None]:
    """The ids of the stored ones."""
    return [event.id for event in events if event.durable]
