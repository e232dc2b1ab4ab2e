"""Tasks that are ended for certain."""

import asyncio
from collections.abc import Sequence


async def end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel tasks until they have ended, also those that come to the sequence meanwhile.

    Once is not enough: redis-py sends with `asyncio.wait_for`, which up to Python 3.11 loses a cancellation that comes
    as what it waits for is done.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.1)
