"""A streamed reply of the model."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from typing import Any, Self

from doqchat_client.exceptions import ReplyFailed
from doqchat_client.waiting import Waiters

Cancel = Callable[["Reply", float | None], Awaitable[None]]


class Piece(str):
    """Some text of a reply.

    `text = text[:piece.offset] + piece` gives what the reply says up to here, whatever happens to it. As a rule a piece
    continues the text; when a worker died or the reply was withdrawn it replaces it, with an offset of 0.

    Attributes:
        offset: how many characters of the reply come before it.
    """

    __slots__ = ("offset",)

    offset: int

    def __new__(cls, text: str, offset: int) -> Self:
        piece = super().__new__(cls, text)
        piece.offset = offset
        return piece


class Reply:
    """A reply to a request. Iterate over it for its pieces as they come; await it for the whole text.

        reply = await session.ask("How are you?")
        async for piece in reply:
            print(piece, end="")
        print(reply.finish_reason, await reply)

    Both can be done any number of times, also after its end, and begin with what was said already. They raise
    ReplyFailed when the model fails, and what ends the session when that comes first.

    Attributes:
        request_id: the id of the request that it answers.
        reply_id: its name; None until the server has said it.
        duplicate: whether an earlier try had stored the request before.
        attempt: which attempt of the workers its text is from, from 1.
        state: `waiting`, `streaming`, or how it ended: a finish_reason, or `failed`.
        finish_reason: `stop`, `length`, `cancelled`, `superseded` or `safety`; None before its end.
        model, usage: which model answered, and the tokens that its provider counted, at the end.
    """

    def __init__(self, request_id: str, waiters: Waiters, cancel: Cancel, reply_id: str | None = None) -> None:
        self.request_id = request_id
        self.reply_id = reply_id
        self.duplicate = False
        self.attempt = 1
        self.state = "waiting"
        self.finish_reason: str | None = None
        self.model = ""
        self.usage: Mapping[str, Any] = {}
        self._waiters = waiters
        self._cancel = cancel
        self._text = ""
        self._early: list[tuple[int, str]] = []
        self._ended = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    @property
    def text(self) -> str:
        """The text so far, without gaps."""
        return self._text

    @property
    def done(self) -> bool:
        """Whether the reply has ended."""
        return self._ended

    async def __aiter__(self) -> AsyncIterator[Piece]:
        given, ended = "", False
        while not ended:
            text, ended = self._text, self._ended
            if text.startswith(given):
                if len(text) > len(given):
                    yield Piece(text[len(given) :], len(given))
            else:
                yield Piece(text, 0)
            given = text
            if not self._ended and text == self._text:
                await self.changed()
        if self._error is not None:
            raise self._error

    def __await__(self) -> Generator[Any, None, str]:
        return self._whole().__await__()

    async def cancel(self, *, timeout: float | None = None) -> None:
        """Cancel the reply; it ends with its text so far. Does nothing if it has ended. Raises as `Session.send`."""
        await self._cancel(self, timeout)

    async def changed(self) -> None:
        """Wait for the next change of the reply."""
        with self._waiters.one_more():
            await self._news.wait()

    async def _whole(self) -> str:
        while not self._ended:
            await self.changed()
        if self._error is not None:
            raise self._error
        return self._text

    @property
    def torn(self) -> bool:
        """Whether a piece is missing before one that has come."""
        return bool(self._early)

    def add(self, attempt: int, offset: int, text: str) -> None:
        """Take a piece; one that comes too early is kept until what is missing before it has come."""
        if attempt < self.attempt:
            return
        if attempt > self.attempt:
            self._begin(attempt, "waiting", "")
        if text:  # an empty piece says that a reply will come
            self.state = "streaming"
        if offset > len(self._text):  # offsets count code points, as Python's strings do
            self._early.append((offset, text))
        elif fresh := text[len(self._text) - offset :]:
            self._text += fresh
            self._add_again(self._early)
        self._notify()

    def catch_up(self, attempt: int, state: str, text: str) -> None:
        """Take what a welcome says, which may have been written before some of the pieces that have come."""
        if attempt < self.attempt or (attempt == self.attempt and self._text.startswith(text)):
            return
        early = self._early if attempt == self.attempt else []
        self._begin(attempt, state, text)
        self._add_again(early)

    def name(self, reply_id: str) -> None:
        """Take its name."""
        self.reply_id = reply_id
        self._notify()

    def end(self, text: str, bd: Mapping[str, Any]) -> None:
        """Take all that it said, and the `bd` of its `llm.response` or `llm.error`."""
        self._ended = True
        self.finish_reason = bd.get("finish_reason")
        self.model, self.usage = bd.get("model", ""), bd.get("usage", {})
        if self.finish_reason is None:
            self._error = ReplyFailed(str(bd.get("code")), str(bd.get("message")), text)
        self._begin(self.attempt, self.finish_reason or "failed", text)

    def fail(self, error: Exception) -> None:
        """The end of the reply will not be known."""
        if not self._ended:
            self._ended, self._error, self.state = True, error, "failed"
            self._notify()

    def _begin(self, attempt: int, state: str, text: str) -> None:
        self.attempt, self.state, self._text, self._early = attempt, state, text, []
        self._notify()

    def _add_again(self, early: list[tuple[int, str]]) -> None:
        self._early = []
        for offset, text in sorted(early):
            self.add(self.attempt, offset, text)

    def _notify(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
