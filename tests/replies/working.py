"""Workers in the test's own process, and what they are asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.ingress import submit
from doqchat.protocol.frames import from_data
from doqchat.worker.worker import Worker
from tests.fanout.conftest import joined
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[Callable[[], Any]]:
    """A worker; what it gives tells it to go and waits until it is gone, as the end of the block does."""
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(engine).run(stop))

    async def leave() -> None:
        stop.set()
        await running

    try:
        yield leave
    finally:
        await leave()


async def ask(engine: Engine, sid: str, prompt: str, llm: str = "default") -> str:
    """The id of a request's reply."""
    frame = from_data({"hd": {"event": "llm.request"}, "bd": {"prompt": prompt, "llm": llm}})
    return f"r{(await submit(engine, open_access(sid), frame)).id}"


async def answered(engine: Engine, sid: str) -> Any:
    """How the first reply of a session ended."""
    async with joined(engine, sid, "0-0") as socket:
        return await end_of(socket, *ENDS)
