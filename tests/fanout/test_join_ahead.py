"""A member may know of an event that the session, whose hint was lost, has not come to yet."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import redis

from doqchat.engine import Engine
from doqchat.store import keys
from tests.fanout.conftest import BODY, joined
from tests.fanout.events import SILENT, ids
from tests.fanout.socket import Socket

TIMES = 20  # what went wrong here did so in some of many runs


class Course:
    """A session whose first event came without a hint, and the members who should see what comes."""

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
        """Say a last word; each member sees all that was stored since it joined, each linked to the one before."""
        await self.say()
        chain = dict(zip(self.stored, ["0-0", *self.stored], strict=False))
        for socket, first in self._followed:
            frames = await socket.frames_to(self.stored[-1])
            assert ids(frames) == self.stored[first:]
            assert [frame["hd"]["prev"] for frame in frames] == [chain[entry_id] for entry_id in ids(frames)]


async def test_a_member_that_knows_more_than_the_session_costs_nobody_an_event(
    no_beat: None, engine: Engine, store: "redis.Redis"
) -> None:
    async for course in _courses(engine, store):
        await course.join(course.stored[-1])
        await course.check()


async def test_a_hint_that_comes_while_the_session_reads_is_not_forgotten(
    no_beat: None, engine: Engine, store: "redis.Redis"
) -> None:
    async for course in _courses(engine, store):
        await course.say()
        await course.check()


async def _courses(engine: Engine, store: "redis.Redis") -> AsyncIterator[Course]:
    """Sessions with a member, to whom a hint was lost."""
    for _ in range(TIMES):
        async with AsyncExitStack() as stack:
            course = Course(engine, store, stack)
            await course.begin()
            yield course
