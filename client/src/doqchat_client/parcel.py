"""One thing that is sent: its frames, its tries, and what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from doqchat_client.errors import ChatError, Closed, Conflict, ServerError, Unavailable, Undelivered

Answer = Mapping[str, Any]


class Parcel:
    """Frames that the server answers together, in as many tries as it takes.

    The last of several frames is a ping. Its pong, which comes after all that the server says to the others, ends the
    try, whatever was said before.

    Args:
        msg_id: what the answer is known by; the same however often the frames are written.
        frames: written one after the other.

    Attributes:
        msg_id, frames: the same.
        answer: the `bd` of the answer, or what the server had against it; cancelled when nobody waits for it.
    """

    def __init__(self, msg_id: str, frames: Sequence[str]) -> None:
        self.msg_id = msg_id
        self.frames = frames
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._refusal: Unavailable | None = None
        self._unanswered = 0
        self._ended = asyncio.Event()

    def begin(self) -> None:
        """A try begins. Until it is answered, what it says may be stored."""
        self._refusal = None
        self._unanswered += 1
        self._ended.clear()

    async def ended(self) -> bool:
        """Wait until this try has ended; whether there should be another."""
        await self._ended.wait()
        return self._refusal is not None

    def passed(self) -> bool:
        """The pong has come. Whether that answers the parcel: not when it was put off."""
        self._ended.set()
        return self._refusal is None

    def put_off(self, refusal: Unavailable) -> None:
        """This try has failed, and another may go better."""
        self._answered()
        self._refusal = refusal
        if len(self.frames) == 1:
            self._ended.set()

    def refused(self, error: ServerError) -> None:
        """The server has said no to this try, and would to another."""
        self._answered()
        self.fail(error)

    def done(self, answer: Answer) -> None:
        """The server has done it."""
        self._ended.set()
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Nobody will try again. What the server has said to the last try is not what became of an earlier one of which
        it has said nothing; only a Conflict is."""
        self._ended.set()
        if self._unanswered and not isinstance(error, Closed | Conflict):
            unknown = Undelivered(self.msg_id)
            unknown.__cause__ = error
            error = unknown
        if not self.answer.done():
            self.answer.set_exception(error)

    def overdue(self) -> ChatError:
        """What to raise when the answer comes too late: Unavailable when each try was refused, else Undelivered."""
        if self._refusal is None or self._unanswered:
            return Undelivered(self.msg_id)
        return self._refusal

    def _answered(self) -> None:
        if self._refusal is None:
            self._unanswered -= 1
