"""Cancels tasks reliably."""

import asyncio
from collections.abc import Sequence


async def cancel_and_wait(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel tasks repeatedly until they have ended, including tasks that are added to the sequence meanwhile.

    Cancelling once may not be enough: up to Python 3.11 `asyncio.wait_for`, which libraries use, swallows a
    cancellation that arrives when its future is done.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.1)
