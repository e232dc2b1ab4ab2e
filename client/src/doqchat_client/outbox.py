"""What was sent and is not answered yet. It outlives connections."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from doqchat_client.errors import OutboxFull, ServerError, Unavailable
from doqchat_client.parcel import Answer, Parcel


class Outbox:
    """Parcels in the order in which they were sent. Only the first is ever under way: a second one written before the
    first is stored could overtake it when the store is away for a moment, and an answer could be taken for another's.

    Args:
        size: how many may wait.

    Attributes:
        filled: set while something waits.
    """

    def __init__(self, size: int) -> None:
        self.filled = asyncio.Event()
        self._size = size
        self._waiting: deque[Parcel] = deque()
        self._under_way: Parcel | None = None
        self._end: Exception | None = None

    def add(self, msg_id: str, frames: Sequence[str]) -> Parcel:
        """Take a parcel.

        Raises:
            OutboxFull: there is no room.
            ChatError: the session is over; what ended it.
        """
        if self._end is not None:
            raise self._end
        if len(self._waiting) >= self._size:
            raise OutboxFull(f"{self._size} messages wait to be sent already.")
        parcel = Parcel(msg_id, frames)
        self._waiting.append(parcel)
        self.filled.set()
        return parcel

    async def first(self) -> Parcel:
        """The parcel to write now; it stays first until it is answered."""
        await self.filled.wait()
        return self._waiting[0]

    @contextmanager
    def trying(self, parcel: Parcel) -> Iterator[None]:
        """The first parcel is under way inside the block, in which its answer is waited for."""
        self._under_way = parcel
        parcel.begin()
        try:
            yield
        finally:
            self._under_way = None
            if parcel.answer.done():
                self._remove(parcel)

    def acknowledged(self, msg_id: str | None, answer: Answer) -> None:
        """The server has acted on the parcel that is under way; answers to others are passed over."""
        if self._under_way is not None and self._under_way.msg_id == msg_id:
            self._remove(self._under_way).done(answer)

    def passed(self, msg_id: str | None) -> None:
        """The ping at the end of the parcel that is under way has come back."""
        if self._under_way is not None and self._under_way.msg_id == msg_id and self._under_way.passed():
            self.acknowledged(msg_id, {})

    def refused(self, error: ServerError) -> bool:
        """The server said no; whether to the parcel that is under way. An error that names none means that one."""
        parcel = self._under_way
        if parcel is None or error.msg_id not in (None, parcel.msg_id):
            return False
        if isinstance(error, Unavailable):
            parcel.put_off(error)
        else:
            self._remove(parcel).refused(error)
        return True

    def withdraw(self, parcel: Parcel) -> None:
        """Nobody waits for this one any more. When it is under way its answer is still to come, and the next one has
        to wait for that."""
        parcel.answer.cancel()
        if parcel is not self._under_way:
            self._remove(parcel)

    def close(self, end: Exception) -> None:
        """Nothing can be sent any more."""
        self._end = self._end or end
        while self._waiting:
            self._remove(self._waiting[0]).fail(self._end)

    def _remove(self, parcel: Parcel) -> Parcel:
        if parcel in self._waiting:
            self._waiting.remove(parcel)
        if parcel is self._under_way:
            self._under_way = None
        if not self._waiting:
            self.filled.clear()
        return parcel
