"""Workers in the test process, and requests to them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.submission import submit
from doqchat.worker.worker import Worker
from tests.fanout.conftest import joined
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of


@asynccontextmanager
async def working(engine: Engine) -> AsyncIterator[Callable[[], Any]]:
    """Run a worker; the yielded function stops it and waits, as does the end of the block."""
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
    """Send a request and return the id of its reply."""
    frame = from_data({"hd": {"event": "llm.request"}, "bd": {"prompt": prompt, "llm": llm}})
    return f"r{(await submit(engine, open_access(sid), frame)).id}"


async def answered(engine: Engine, sid: str) -> Any:
    """The terminal event of the first reply of a session."""
    async with joined(engine, sid, "0-0") as socket:
        return await end_of(socket, *ENDS)
