"""A joining member may have an event that the session has not read yet, because its hint was lost."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import redis

from doqchat.engine import Engine
from doqchat.store import keys
from tests.fanout.conftest import BODY, joined
from tests.fanout.events import SILENT, ids
from tests.fanout.socket import Socket

TIMES = 20  # the races occur only in some runs


class Scenario:
    """A session whose first event had no hint, and its members."""

    def __init__(self, engine: Engine, store: "redis.Redis", stack: AsyncExitStack) -> None:
        self.sid = f"test-{uuid.uuid4().hex}"
        self.stored: list[str] = []
        self._followed: list[tuple[Socket, int]] = []
        self._engine, self._store, self._stack = engine, store, stack

    async def begin(self) -> None:
        await self.join(None)
        self.stored.append(str(self._store.xadd(keys.stream(self.sid), SILENT)))

    async def join(self, since: str | None) -> None:
        socket = await self._stack.enter_async_context(joined(self._engine, self.sid, since))
        self._followed.append((socket, len(self.stored)))

    async def say(self) -> None:
        self.stored.append((await self._engine.stream.append(self.sid, "A", BODY)).id)

    async def check(self) -> None:
        """Append an event; each member must have all events since it joined, linked by `prev`."""
        await self.say()
        chain = dict(zip(self.stored, ["0-0", *self.stored], strict=False))
        for socket, first in self._followed:
            frames = await socket.frames_to(self.stored[-1])
            assert ids(frames) == self.stored[first:]
            assert [frame["hd"]["prev"] for frame in frames] == [chain[entry_id] for entry_id in ids(frames)]


async def test_a_join_after_an_event_without_a_hint_loses_no_events(
    no_beat: None, engine: Engine, store: "redis.Redis"
) -> None:
    async for scenario in _scenarios(engine, store):
        await scenario.join(scenario.stored[-1])
        await scenario.check()


async def test_a_hint_during_a_read_is_not_lost(no_beat: None, engine: Engine, store: "redis.Redis") -> None:
    async for scenario in _scenarios(engine, store):
        await scenario.say()
        await scenario.check()


async def _scenarios(engine: Engine, store: "redis.Redis") -> AsyncIterator[Scenario]:
    """Sessions with one member and a lost hint."""
    for _ in range(TIMES):
        async with AsyncExitStack() as stack:
            scenario = Scenario(engine, store, stack)
            await scenario.begin()
            yield scenario
