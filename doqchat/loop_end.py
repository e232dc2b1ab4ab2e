"""Closes the resources of an event loop when it ends."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress


def at_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Have the running event loop await `close()` when it finishes its asynchronous generators, as asyncio.run has it.

    Nothing is closed once the returned generator is gone: keep it.
    """
    waiting = _wait(close)
    with suppress(StopIteration):
        waiting.__anext__().send(None)  # from its first step on the loop knows of it
    return waiting


async def _wait(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Waits at its only step until the event loop finishes it."""
    try:
        yield
    finally:
        await close()
