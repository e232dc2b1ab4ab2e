"""A member's socket that can stop reading."""

import asyncio
import json
from typing import Any

from doqchat.access.principal import open_access
from doqchat.fanout.member import Member
from doqchat.protocol.names import BASIC, V1

WITHIN = 15.0


class Socket:
    """Collects the frames that its member writes.

    Args:
        role: the connection's role.
        sid: its session.
        v1: whether it uses the full protocol.
    """

    def __init__(self, role: Any = "A", *, sid: str = "room", v1: bool = False) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.dropped: list[int] = []
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self.member = Member(
            self.write,
            principal=open_access(sid, role),
            profile=V1 if v1 else BASIC,
            on_drop=self.dropped.append,
        )

    async def text(self) -> str:
        """The next frame as it was written."""
        async with asyncio.timeout(WITHIN):
            return await self._frames.get()

    async def frame(self) -> Any:
        """The next frame."""
        return json.loads(await self.text())

    async def frames_to(self, entry_id: str) -> list[Any]:
        """All frames up to the one with this id."""
        frames = [await self.frame()]
        while frames[-1]["hd"].get("id") != entry_id:
            frames.append(await self.frame())
        return frames

    def written(self) -> list[str]:
        """The frames that were written and not yet read."""
        return [self._frames.get_nowait() for _ in range(self._frames.qsize())]

    async def write(self, text: str) -> None:
        await self.reads.wait()
        self._frames.put_nowait(text)
