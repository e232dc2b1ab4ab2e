"""A member of a live session: one connection, with the bounded outbox before its socket."""

import asyncio
import types
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from doqchat.access.principal import Principal
from doqchat.errors import DoqchatError
from doqchat.limits.connection import ConnectionLimits
from doqchat.protocol import server
from doqchat.protocol.names import V1, Profile

if TYPE_CHECKING:
    from doqchat.fanout.live import LiveSession

OUTBOX_BYTES = 384 * 1024
"""How much memory may wait for a socket that is not read; beyond it the member is told to come back with `since`. One
emoji makes all of a text take four bytes a character."""

TOO_SLOW, FAILED = 4413, 1011
"""Close codes of a member that is dropped: its outbox is full, or the server failed at serving it."""

Write = Callable[[str], Coroutine[Any, Any, None]]
WriteNow = Callable[[str], bool]


class Member:
    """Writes frames to one socket, in order, without ever making the sender wait.

    A write usually completes at once: its first step runs in place, and only one that has to wait becomes a task.
    Nothing leaves before `release`, so that the first frame can be the welcome.

    Args:
        write: sends one text frame; may wait for the peer to read.
        principal: the owner of the connection.
        profile: how much of the protocol the client understands.
        on_drop: called once with a close code when the member is dropped; it takes nothing from then on.
        write_now: sends one text frame without waiting, or returns False where it would have to; None where the server
            has no such call. It saves the coroutine and the ASGI message of each write.
        limits: how much the connection may send; None for the limits that are not configured.

    Attributes:
        connection: a name for the connection, with its role, unique in the session.
        full: whether the client understands all of the protocol.
        session: where it is a member; None before and after.
        expiry: the timer of the token's expiry, see doqchat/fanout/expiry.py.
    """

    def __init__(
        self,
        write: Write,
        *,
        principal: Principal,
        profile: Profile,
        on_drop: Callable[[int], None],
        write_now: WriteNow | None = None,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self.principal = principal
        self.connection = f"{principal.role}:{uuid.uuid4().hex}"
        self.full = profile == V1
        self.limits = limits or ConnectionLimits()
        self.session: LiveSession | None = None
        self.expiry: asyncio.TimerHandle | None = None
        self._write = write
        self._write_now = write_now
        self._on_drop = on_drop
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._closed = False
        # Done when the socket may have taken all frames; before the release it takes none.
        self._drainer: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    def release(self, first: str | None = None) -> None:
        """Let frames out: the given one first, then those that came meanwhile."""
        held = self._drainer
        if held is None or self._closed:
            return
        if first is not None:
            self._waiting.appendleft(first)
            self._bytes += getsizeof(first)
        self._drainer = asyncio.create_task(self._drain()) if self._waiting else None
        held.set_result(None)

    def push(self, text: str) -> None:
        """Write a frame now, or as soon as the socket takes it."""
        if self._closed:
            return
        if self._drainer is not None:
            self._waiting.append(text)
            self._bytes += getsizeof(text)
            if self._bytes > OUTBOX_BYTES:
                self.drop(TOO_SLOW)
            return
        if self._write_now is not None and self._write_now(text):
            return
        writing = self._write(text)
        try:
            step = writing.send(None)
        except StopIteration:
            return
        except Exception:
            self.close()  # The peer is gone; the consumer hears of it on its own.
        else:
            self._drainer = asyncio.create_task(self._drain(writing, step))

    @property
    def behind(self) -> bool:
        """Whether frames wait for the socket."""
        return self._drainer is not None

    async def drained(self) -> None:
        """Wait until the socket has taken all frames, or the member is closed."""
        while self._drainer is not None and not self._closed:
            await asyncio.wait([self._drainer])

    def drop(self, code: int) -> None:
        """Close, and have the connection closed with a code, so that the client comes back with `since`."""
        if not self._closed:
            self.close()
            self._on_drop(code)

    def end(self, problem: DoqchatError) -> None:
        """Send the error, if the socket accepts it immediately, and close the connection."""
        self.push(server.error(self.principal.sid, problem))
        self.drop(problem.close_code)

    def close(self) -> None:
        """Take and write nothing more."""
        self._closed = True
        if self.expiry is not None:
            self.expiry.cancel()
        self._waiting.clear()
        if self._drainer is not None:
            self._drainer.cancel()

    @property
    def closed(self) -> bool:
        """Whether the member takes nothing more."""
        return self._closed

    async def _drain(self, writing: Coroutine[Any, Any, None] | None = None, step: Any = None) -> None:
        try:
            if writing is not None:
                await _continued(writing, step)
            while self._waiting:
                text = self._waiting.popleft()
                self._bytes -= getsizeof(text)
                await self._write(text)
        except Exception:
            self._closed = True
        finally:
            self._drainer = None


@types.coroutine
def _continued(coroutine: Coroutine[Any, Any, None], step: Any) -> Generator[Any, Any, None]:
    """Await a coroutine whose first step was already run and gave the future `step`."""
    try:
        while True:
            try:
                yield step
            except BaseException as error:
                step = coroutine.throw(error)
            else:
                step = coroutine.send(None)
    except StopIteration:
        return
