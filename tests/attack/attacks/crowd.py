"""Many connections: to one session at the same time, and one after the other as fast as they are taken."""

import asyncio
import random
from contextlib import AsyncExitStack, suppress

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import request

CROWD = 500
AT_ONCE = 10
PAUSE = 0.1  # seconds between two joins of each of AT_ONCE: 100 a second in all, at the most


@attack("crowd", at_once=1, pause=2, within=60)
async def crowd(target: Target) -> str:
    """500 sockets in one session, opened in 5 seconds or more, all of which leave together."""
    joined = 0

    async def join_some() -> None:
        nonlocal joined
        for _ in range(CROWD // AT_ONCE):
            await asyncio.sleep(PAUSE)
            with suppress(OSError):
                await stack.enter_async_context(Peer.joined(target, "attack-crowd"))
                joined += 1

    async with AsyncExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(join_some())
        return f"{joined:,} open"


@attack("churn", at_once=3, pause=0.1)
async def churn(target: Target) -> str:
    """A socket that joins and leaves."""
    async with Peer.joined(target, f"attack-churn-{random.randrange(500)}") as peer:
        return peer.answer


@attack("pages", at_once=1, pause=0.1)
async def pages(target: Target) -> str:
    """The page of a session."""
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"GET /s/attack-page-{random.randrange(50)}/", "Connection: close"))
        return await peer.end(within=10)
