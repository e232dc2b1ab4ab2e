"""What was sent and is not answered yet. It outlives connections."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from doqchat_client.errors import OutboxFull, ServerError, Unavailable

Answer = Mapping[str, Any]


class Parcel:
    """Frames that the server answers together.

    Attributes:
        msg_id: what the answer is known by; the same however often the frames are written.
        frames: written one after the other.
        answer: the `bd` of the answer, or what the server had against it.
        refusal: what the server said to the last try, when it was `unavailable`.
    """

    def __init__(self, msg_id: str, frames: Sequence[str]) -> None:
        self.msg_id = msg_id
        self.frames = frames
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.refusal: Unavailable | None = None
        self._heard = asyncio.Event()

    def about_to_be_written(self) -> None:
        """Forget what was heard of the try before."""
        self.refusal = None
        self._heard.clear()

    async def heard(self) -> bool:
        """Wait until this try has ended; whether there should be another."""
        await self._heard.wait()
        return self.refusal is not None

    def end(self, outcome: Answer | BaseException | None) -> None:
        """This try has ended, with an answer or an exception; with None nobody waits for either."""
        if outcome is not None and not self.answer.done():
            if isinstance(outcome, BaseException):
                self.answer.set_exception(outcome)
            else:
                self.answer.set_result(outcome)
        self._heard.set()

    def put_off(self, refusal: Unavailable) -> None:
        """This try has ended, and another may go better."""
        self.refusal = refusal
        self._heard.set()


class Outbox:
    """Parcels in the order in which they were sent. Only the first is ever under way: a second one written before the
    first is stored could overtake it when the store is away for a moment.

    Args:
        size: how many may wait.
    """

    def __init__(self, size: int) -> None:
        self.filled = asyncio.Event()
        self._size = size
        self._waiting: deque[Parcel] = deque()
        self._end: BaseException | None = None

    def __len__(self) -> int:
        return len(self._waiting)

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

    def answered(self, msg_id: str | None, answer: Answer) -> None:
        """The server has answered the first parcel; answers to others, which nobody waits for, are passed over."""
        if self._waiting and self._waiting[0].msg_id == msg_id:
            self._remove_first(answer)

    def refused(self, error: ServerError) -> bool:
        """The server said no; whether to the first parcel. One that names none means the one that is under way."""
        if not self._waiting or error.msg_id not in (None, self._waiting[0].msg_id):
            return False
        if isinstance(error, Unavailable):
            self._waiting[0].put_off(error)
        else:
            self._remove_first(error)
        return True

    def withdraw(self, parcel: Parcel) -> None:
        """Nobody waits for this one any more."""
        if parcel in self._waiting:
            self._waiting.remove(parcel)
            self._mark()
            parcel.end(None)

    def close(self, end: BaseException) -> None:
        """Nothing can be sent any more."""
        self._end = self._end or end
        while self._waiting:
            self._remove_first(self._end)

    def _remove_first(self, outcome: Answer | BaseException) -> None:
        parcel = self._waiting.popleft()
        self._mark()
        parcel.end(outcome)

    def _mark(self) -> None:
        if not self._waiting:
            self.filled.clear()
