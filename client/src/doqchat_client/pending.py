"""Pending messages and actions. They outlive connections."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from doqchat_client.events import new_msg_id, write
from doqchat_client.exceptions import (
    ChatError,
    Closed,
    Conflict,
    Internal,
    InvalidJSON,
    InvalidMessage,
    QueueFull,
    RateLimited,
    ServerError,
    TooLarge,
    Unavailable,
    Undelivered,
    UnknownEvent,
)

Answer = Mapping[str, Any]

_DECIDED_BY_CONTENT = (InvalidJSON, InvalidMessage, TooLarge, UnknownEvent)
"""Errors that are permanent for the same content."""


class Pending:
    """A message that waits for its acknowledgement, possibly over several attempts.

    Args:
        msg_id: the idempotency key, the same in every attempt.
        text: the frame.
        sent_before: whether it may have been sent earlier, so that a refusal does not prove that it is not stored.

    Attributes:
        answer: the `bd` of the answer, or the exception to raise; cancelled if the caller has given up.
        retry_after: the delay before the next attempt requested by the server, in seconds.
    """

    def __init__(self, msg_id: str, text: str, *, sent_before: bool = False) -> None:
        self.msg_id = msg_id
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.retry_after = 0.0
        self._text = text
        self._sent_before = sent_before
        self._refusal: ServerError | None = None
        self._last_refusal: ServerError | None = None
        self._unanswered = 0
        self._try_ended = asyncio.Event()

    def begin(self) -> list[str]:
        """Begin an attempt and return the frame. Until it is answered, the message may be stored."""
        self._refusal = None
        self._unanswered += 1
        self._try_ended.clear()
        return [self._text]

    async def ended(self) -> bool:
        """Wait until this attempt has ended; returns whether to retry."""
        await self._try_ended.wait()
        return self._refusal is not None

    def is_answered_by(self, error: ServerError) -> bool:
        """Whether an error is about this. One without a msg_id can be, of a frame that the server could not read: all
        else that is written is valid."""
        unread = error.msg_id is None and isinstance(error, (*_DECIDED_BY_CONTENT, Internal))
        return unread or error.msg_id == self.msg_id

    def refuse(self, error: ServerError) -> None:
        """The server has refused this attempt."""
        if isinstance(error, Unavailable):
            self.put_off(error)
            self._try_ended.set()
        else:
            self._answered()
            self.fail(error)

    def put_off(self, refusal: ServerError) -> None:
        """This attempt has failed, and a retry may succeed."""
        self._answered()
        self._refusal = self._last_refusal = refusal
        self.retry_after = refusal.retry_after or 0.0

    def finish(self, answer: Answer) -> None:
        """The server has acknowledged it."""
        self._try_ended.set()
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """There will be no further attempt."""
        self._try_ended.set()
        if not self.answer.done():
            self.answer.set_exception(self._known(error))

    def overdue(self) -> ChatError:
        """The exception for a timeout."""
        if self._unanswered or self._sent_before:
            return self._undelivered(self._last_refusal)
        return self._last_refusal or Unavailable("The server could not be reached in time.")

    def _known(self, error: Exception) -> Exception:
        """The error, or Undelivered if it does not determine the outcome, because an earlier attempt got no answer. A
        Conflict always does, and Closed leaves the outcome open anyway."""
        if isinstance(error, Closed | Conflict):
            return error
        if self._unanswered or isinstance(error, Internal):
            return self._undelivered(error)
        if self._sent_before and not isinstance(error, _DECIDED_BY_CONTENT):
            return self._undelivered(error)
        return error

    def _undelivered(self, cause: Exception | None) -> Undelivered:
        unknown = Undelivered(self.msg_id)
        unknown.__cause__ = cause
        return unknown

    def _answered(self) -> None:
        if self._refusal is None:
            self._unanswered -= 1


class PendingAction(Pending):
    """An idempotent frame without an acknowledgement, such as a read receipt.

    The server processes frames one by one, so the pong to a ping that follows the frame comes after its error, if any.
    """

    def begin(self) -> list[str]:
        """As for a message."""
        self._ping = new_msg_id()
        return [*super().begin(), write("ping", {"msg_id": self._ping}, self._ping)]

    def pong(self, msg_id: str | None) -> bool:
        """Take a pong; whether it says that the action was done."""
        if msg_id != self._ping:
            return False
        self._try_ended.set()
        return self._refusal is None

    def is_answered_by(self, error: ServerError) -> bool:
        """As for a message."""
        return error.msg_id in (self.msg_id, self._ping)

    def refuse(self, error: ServerError) -> None:
        """As for a message; what exceeds the rate limit has had no effect, and is tried again too."""
        if error.msg_id == self._ping:
            self.put_off(error)
            self._try_ended.set()
        elif isinstance(error, Unavailable | RateLimited):
            self.put_off(error)
        else:
            self._answered()
            self.fail(error)

    def _known(self, error: Exception) -> Exception:
        return error


class SendQueue:
    """The ordered send queue. Only its first item is in flight: otherwise a later one could overtake it while the store
    is unreachable.

    Args:
        size: the maximum number of items.

    Attributes:
        filled: set while the queue is not empty.
    """

    def __init__(self, size: int) -> None:
        self.filled = asyncio.Event()
        self._size = size
        self._waiting: deque[Pending] = deque()
        self._in_flight: Pending | None = None
        self._end: Exception | None = None

    def add(self, pending: Pending) -> None:
        """Add an item.

        Raises:
            QueueFull: the queue is full.
            ChatError: the exception that ended the session.
        """
        if self._end is not None:
            raise self._end
        if len(self._waiting) >= self._size:
            raise QueueFull(f"{self._size} messages are already pending.")
        self._waiting.append(pending)
        self.filled.set()

    def first(self) -> Pending | None:
        """What to write now, if anything; it stays first until it is answered."""
        return self._waiting[0] if self._waiting else None

    @contextmanager
    def trying(self, pending: Pending) -> Iterator[list[str]]:
        """The first is in flight inside the block, which gets what to write and waits for the answer."""
        self._in_flight = pending
        try:
            yield pending.begin()
        finally:
            self._in_flight = None
            if pending.answer.done():
                self._remove(pending)

    def acknowledged(self, msg_id: str | None, answer: Answer) -> None:
        """The server has stored what is in flight; answers to others are passed over."""
        if self._in_flight is not None and self._in_flight.msg_id == msg_id:
            self._remove(self._in_flight).finish(answer)

    def ponged(self, msg_id: str | None) -> None:
        """A pong has come, maybe for the action that is in flight."""
        action = self._in_flight
        if isinstance(action, PendingAction) and action.pong(msg_id):
            self._remove(action).finish({})

    def refused(self, error: ServerError) -> None:
        """The server has refused something, maybe what is in flight."""
        if self._in_flight is not None and self._in_flight.is_answered_by(error):
            self._in_flight.refuse(error)

    def withdraw(self, pending: Pending) -> None:
        """The caller no longer waits for this. When it is in flight its answer is still to come, and the next has to
        wait for that."""
        pending.answer.cancel()
        if pending is not self._in_flight:
            self._remove(pending)

    def close(self, end: Exception) -> None:
        """Fail all items; no more can be added."""
        self._end = self._end or end
        while self._waiting:
            self._remove(self._waiting[0]).fail(self._end)

    def _remove(self, pending: Pending) -> Pending:
        if pending in self._waiting:
            self._waiting.remove(pending)
        if pending is self._in_flight:
            self._in_flight = None
        if not self._waiting:
            self.filled.clear()
        return pending
