"""A worker that is told to go goes, whatever it is doing at that moment."""

import asyncio

from doqchat.engine import Engine
from doqchat.replies.answers import GRACE_SECONDS
from doqchat.replies.worker import Worker

WORKERS = 100


async def test_a_worker_ends_at_whatever_moment_it_is_told_to(own_engine: Engine) -> None:
    async def work_for(seconds: float) -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(Worker(own_engine).run(stop))
        await asyncio.sleep(seconds)
        stop.set()
        await working

    async with asyncio.timeout(3 * GRACE_SECONDS):
        for _ in range(4):
            await asyncio.gather(*(work_for(number / 50) for number in range(WORKERS // 4)))
