"""A member may know of an event that the session, whose hint was lost, has not come to yet."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import redis

from doqchat.engine import Engine
from tests.fanout.test_any_course import Course

TIMES = 20  # what went wrong here did so in some of many runs


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
        await course.say(1)
        await course.check()


async def _courses(engine: Engine, store: "redis.Redis") -> AsyncIterator[Course]:
    """Sessions with a member, to whom a hint was lost."""
    for _ in range(TIMES):
        async with AsyncExitStack() as stack:
            course = Course(engine, store, stack)
            await course.join(None)
            await course.take("lose a hint", 0)
            yield course
