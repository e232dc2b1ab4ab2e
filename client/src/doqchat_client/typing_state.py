"""Whether somebody is typing here, as the others should know it."""

import asyncio


class TypingState:
    """The latest word is told, earlier ones that were not told yet are not worth it."""

    def __init__(self) -> None:
        self._active = False
        self._news = asyncio.Event()

    def set(self, active: bool) -> None:
        """Typing has begun, goes on, or has ended."""
        self._active = active
        self._news.set()

    async def changed(self) -> bool:
        """The state, once there is one to tell."""
        await self._news.wait()
        self._news.clear()
        return self._active
