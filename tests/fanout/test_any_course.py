"""Whatever the course of events, each member has a chain without a gap."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doqchat.engine import Engine
from doqchat.store import keys
from doqchat.store.keys import group_name
from tests.fanout.conftest import BODY, joined
from tests.fanout.socket import Socket
from tests.fanout.test_live import SILENT, ids

STEPS = st.sampled_from(
    ["say", "say twice at once", "lose a hint", "repeat a hint", "join", "join from anywhere", "leave"]
)


class Course:
    """A session that goes through steps, and what each of its members should have seen."""

    def __init__(self, engine: Engine, store: "redis.Redis", stack: AsyncExitStack) -> None:
        self.sid = f"test-{uuid.uuid4().hex}"
        self.stored: list[str] = []
        self.members: list[tuple[Socket, str | None, int]] = []
        self.engine, self.store, self.stack = engine, store, stack

    async def take(self, step: str, number: int) -> None:
        match step:
            case "say":
                await self.say(1)
            case "say twice at once":
                await self.say(2)
            case "lose a hint":
                self.stored.append(str(self.store.xadd(keys.stream(self.sid), SILENT)))
            case "repeat a hint" if self.stored:
                at = number % len(self.stored)
                prev = self.stored[at - 1] if at else "0-0"
                hint = {"type": "session.entry", "id": self.stored[at], "prev": prev, "body": BODY}
                await self.engine.layer.group_send(group_name(self.sid), hint)
            case "join":
                await self.join(None)
            case "join from anywhere":
                await self.join(["0-0", *self.stored][number % (len(self.stored) + 1)])
            case "leave" if self.members:
                socket, *_ = self.members.pop(number % len(self.members))
                socket.member.close()

    async def say(self, count: int) -> None:
        appends = (self.engine.stream.append(self.sid, "A", BODY) for _ in range(count))
        self.stored += sorted(one.id for one in await asyncio.gather(*appends))

    async def join(self, since: str | None) -> None:
        socket = await self.stack.enter_async_context(joined(self.engine, self.sid, since))
        self.members.append((socket, since, len(self.stored)))

    async def check(self) -> None:
        """Say a last word; all that a member has to see comes before it, each once, linked to the one before."""
        await self.say(1)
        chain = dict(zip(self.stored, ["0-0", *self.stored], strict=False))
        for socket, since, joined_at in self.members:
            frames: list[Any] = await socket.frames_to(self.stored[-1])
            seen = ids(frames)
            assert [frame["hd"]["prev"] for frame in frames] == [chain[entry_id] for entry_id in seen]
            assert seen == self.stored[-len(seen) :]
            if since is None:
                assert len(seen) >= len(self.stored) - joined_at
            else:
                assert seen == self.stored[self.stored.index(since) + 1 if since in self.stored else 0 :]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(STEPS, st.integers(0, 1_000)), max_size=25))
async def test_members_see_an_unbroken_chain_whatever_happens(
    no_beat: None, engine: Engine, store: "redis.Redis", steps: list[tuple[str, int]]
) -> None:
    async with AsyncExitStack() as stack:
        course = Course(engine, store, stack)
        for step, number in steps:
            await course.take(step, number)
        await course.check()
