"""A member of a session that checks what it receives."""

import json
from itertools import pairwise
from typing import Any

from doqchat.fanout.local_session import LocalSession
from doqchat.protocol.ids import BEGINNING
from tests.fanout.socket import Socket

END, WELCOME = '{"hd":{"id":"end"}}', '{"hd":{"id":"welcome"}}'


class CheckedMember:
    """Its events must continue from where it joined, and from each later `session.sync`.

    Args:
        session: its session.
        since: the id after which it joins.
    """

    def __init__(self, session: LocalSession, since: str) -> None:
        self.socket = Socket()
        self.socket.member.release()
        self._session = session
        self._starts = [since]

    @property
    def here(self) -> bool:
        return not self.socket.member.closed

    def sync(self, since: str) -> None:
        """Ask for a replay on the open connection, as `session.sync` does."""
        self._starts.append(since)
        self.socket.member.push(WELCOME)
        self._session.replay(self.socket.member, since, whole=True)

    def leave(self) -> None:
        self.socket.member.close()
        self._session.leave(self.socket.member)

    async def check(self, log: list[str]) -> None:
        """Check that the frames are a run of the log from where it joined, and after each welcome from the requested
        id. A member that has not left must have the last event.
        """
        runs: list[list[Any]] = [[]]
        for frame in await self._written(log[-1]):
            if frame["hd"]["id"] == "welcome":
                runs.append([])
            else:
                runs[-1].append((frame["hd"]["prev"], frame["hd"]["id"]))
        links = list(pairwise([BEGINNING, *log]))
        for start, run in zip(self._starts, runs, strict=False):
            first = log.index(start) + 1 if start in log else 0
            assert run == links[first : first + len(run)], f"After {start} of the log {log} came {run}."
        assert not self.here or (len(runs), runs[-1][-1:]) == (len(self._starts), links[-1:])

    async def _written(self, last: str) -> list[Any]:
        """All written frames; if it has not left, waits for the last event."""
        if not self.here:
            return [json.loads(text) for text in self.socket.written()]
        frames = await self.socket.frames_to(last)
        self.socket.member.push(END)
        return frames + (await self.socket.frames_to("end"))[:-1]
