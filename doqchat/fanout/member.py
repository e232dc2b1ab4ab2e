"""A member of a session: one connection, with a bounded send queue."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from doqchat.access.principal import Principal
from doqchat.coroutines import continued
from doqchat.errors import DoqchatError
from doqchat.limits.connection import ConnectionLimits
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING
from doqchat.protocol.names import V1, Profile
from doqchat.store.presence import entry

if TYPE_CHECKING:
    from doqchat.fanout.local_session import LocalSession

OUTBOX_BYTES = 384 * 1024
"""Maximum memory of a send queue; beyond it the connection is closed, and the client reconnects with `since`. A text
with an emoji takes four bytes per character."""

TOO_SLOW, FAILED = 4413, 1011
"""Close codes of a dropped member: its send queue is full, or the server failed."""

Write = Callable[[str], Coroutine[Any, Any, None]]
WriteNow = Callable[[str], bool]


class Member:
    """Writes frames to one socket, in order, without waiting.

    A write usually completes immediately: its first step runs in place, and only a write that has to wait becomes a
    task. Frames are held until `release`, so that the first one can be the welcome.

    Args:
        write: sends one text frame; may wait for the peer to read.
        principal: the owner of the connection.
        profile: the profile of the protocol that the client uses.
        on_drop: called once, with a close code, when the member is dropped.
        write_now: sends one text frame without waiting, or returns False if it would have to wait; None if the server
            has no such extension. It saves the coroutine and the ASGI message of each write.
        limits: how much the connection may send; None for the limits that are not configured.

    Attributes:
        connection: a name for the connection, with its role, unique in the session.
        presence: its entry in the session's presence.
        full: whether the client uses the full protocol.
        session: its session; None before and after the membership.
        read_up_to: the last event for which it has sent a read receipt.
        joined: whether it has begun to receive, until it leaves.
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
        self.presence = entry(self.connection, principal.pseudonym, principal.name)
        self.full = profile == V1
        self.limits = limits or ConnectionLimits()
        self.session: LocalSession | None = None
        self.read_up_to = BEGINNING
        self.joined = False
        self.expiry: asyncio.TimerHandle | None = None
        self._write = write
        self._write_now = write_now
        self._on_drop = on_drop
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._closed = False
        # Done when the queue may be empty; before the release nothing is written.
        self._drainer: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()

    def release(self, first: str | None = None) -> None:
        """Start sending: the given frame, then those that were pushed before."""
        held = self._drainer
        if held is None or self._closed:
            return
        if first is not None:
            self._waiting.appendleft(first)
            self._bytes += getsizeof(first)
        self._drainer = asyncio.create_task(self._drain()) if self._waiting else None
        held.set_result(None)

    def push(self, text: str) -> None:
        """Write a frame now, or as soon as the socket is writable."""
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
            self.close()  # Disconnected; the consumer is notified by the server.
        else:
            self._drainer = asyncio.create_task(self._drain(writing, step))

    @property
    def behind(self) -> bool:
        """Whether frames are queued."""
        return self._drainer is not None

    async def drained(self) -> None:
        """Wait until all frames are written, or the member is closed."""
        while self._drainer is not None and not self._closed:
            await asyncio.wait([self._drainer])

    def drop(self, code: int) -> None:
        """Close the member, and its connection with a code; the client reconnects with `since`."""
        if not self._closed:
            self.close()
            self._on_drop(code)

    def end(self, problem: DoqchatError) -> None:
        """Send the error, if the socket accepts it immediately, and close the connection."""
        self.push(server.error(self.principal.sid, problem))
        self.drop(problem.close_code)

    def close(self) -> None:
        """Discard queued and later frames."""
        self._closed = True
        if self.expiry is not None:
            self.expiry.cancel()
        self._waiting.clear()
        if self._drainer is not None:
            self._drainer.cancel()

    @property
    def closed(self) -> bool:
        """Whether later frames are discarded."""
        return self._closed

    async def _drain(self, writing: Coroutine[Any, Any, None] | None = None, step: Any = None) -> None:
        try:
            if writing is not None:
                await continued(writing, step)
            while self._waiting:
                text = self._waiting.popleft()
                self._bytes -= getsizeof(text)
                await self._write(text)
        except Exception:
            self._closed = True
        finally:
            self._drainer = None
