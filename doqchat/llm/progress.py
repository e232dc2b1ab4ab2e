"""The progress of an answer: the deadline of its next event, its length limit, and whether it is complete."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from doqchat.llm.answers import Finish, LLMError, Piece, Thought

LONGEST_ANSWER = 50_000
"""Maximum length of an answer in characters: it is stored as one event and sent as one frame."""

LONGEST_MODEL_NAME = 200
MOST_TOKENS = 1_000_000_000
"""Implausible token counts: a provider that reports more, or a negative number, has not counted them."""

END_SECONDS = 1
"""Timeout for the usage after the finish reason."""


class Deadlines(Protocol):
    """The timeout options, in seconds."""

    FIRST_PIECE_SECONDS: float
    IDLE_SECONDS: float
    TOTAL_SECONDS: float


class Deadline(NamedTuple):
    """A deadline by the event loop's time, and the option and its seconds that it results from."""

    at: float
    setting: str
    seconds: float

    def error(self) -> LLMError:
        """The error when the deadline has passed."""
        return LLMError("timeout", detail=f"{self.setting} exceeded ({self.seconds:g} s)")


class Progress:
    """The progress of one attempt.

    Args:
        deadlines: the timeouts.
        model: the model's name, for an answer that is cut off.
        began: the time of the call, by the clock.
        clock: the event loop's time.
    """

    def __init__(self, deadlines: Deadlines, model: str, began: float, clock: Callable[[], float]) -> None:
        self._idle, self._clock, self._model = deadlines.IDLE_SECONDS, clock, model
        self._total = Deadline(began + deadlines.TOTAL_SECONDS, "TOTAL_SECONDS", deadlines.TOTAL_SECONDS)
        first = deadlines.FIRST_PIECE_SECONDS
        self._next = Deadline(began + first, "FIRST_PIECE_SECONDS", first)
        self._is_silent = True
        self._room = LONGEST_ANSWER
        self._finish: Finish | None = None

    @property
    def due(self) -> Deadline:
        """The deadline of the next event."""
        return min(self._next, self._total)

    @property
    def is_complete(self) -> bool:
        """Whether a finish reason has arrived."""
        return self._finish is not None

    @property
    def is_full(self) -> bool:
        """Whether the answer was cut off."""
        return self._room < 0

    def take(self, event: Piece | Thought | Finish) -> Piece | None:
        """Record an event; returns the part to deliver.

        A piece may follow a finish reason, because some servers write one into each chunk. The usual timeout then
        applies to the next piece.
        """
        if isinstance(event, Finish):
            if not self._finish:
                self._next = Deadline(self._clock() + END_SECONDS, "END_SECONDS", END_SECONDS)
            self._finish = event
            return None
        self._next = Deadline(self._clock() + self._idle, "IDLE_SECONDS", self._idle)
        if isinstance(event, Thought):
            return None
        self._is_silent = self._is_silent and not event.text.strip()
        text = event.text[: self._room]
        self._room -= len(event.text)
        return Piece(text) if text else None

    def finish(self) -> Finish:
        """The end of the answer, without implausible values. Raises LLMError `no_answer` if it is empty."""
        if self.is_full:
            return Finish("length", self._model, None, None)
        if self._finish is None:
            raise LLMError("unfinished", detail="the answer ended without a finish reason")
        if self._is_silent and self._finish.reason == "stop":
            raise LLMError("no_answer", detail="the answer is empty")
        counts = self._finish.input_tokens, self._finish.output_tokens
        asked, said = (count if count is not None and 0 <= count <= MOST_TOKENS else None for count in counts)
        return Finish(self._finish.reason, self._finish.model[:LONGEST_MODEL_NAME], asked, said)
