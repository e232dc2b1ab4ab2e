"""Filters the output of a model before it is shown, so that no text is shown and then withdrawn."""

import re
from collections import deque

from doqchat.errors import Rejected
from doqchat.filters import Filters, Message
from doqchat.protocol.events import LLMResponse
from doqchat.protocol.names import MODEL_ROLE

HELD_BACK = 64
"""Characters at the end of an answer that are held back. Phone, card and registration numbers, written with spaces, are
shorter than half of it, and most e-mail and web addresses than all of it; people wait about a second for as many."""

STEP = 32
"""How many characters inside a sentence are released together: filters run twice for each release."""

CONTEXT = 1_000
"""Characters of the answer that the filters see at least, from the beginning of a sentence: all of it would take
quadratic time."""

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\s+|\n")


class HeldBack:
    """The output of one reply.

    Text is released when what follows it does not change what the filters make of it.

    Args:
        filters: the filters.
        sid: the session.

    Attributes:
        replaced_by: the names of the filters that have replaced parts of it.
    """

    def __init__(self, filters: Filters, sid: str) -> None:
        self._filters = filters
        self._sid = sid
        self._received = self._shown = ""
        self._released = 0
        self.replaced_by: list[str] = []
        self._sentences: deque[tuple[int, int]] = deque()  # where they end, in what was received and shown

    async def add(self, piece: str) -> str:
        """Add output of the model; returns the text to show now, empty if all of it is held back.

        Raises:
            Rejected: a filter does not allow the answer, or would change text that is shown.
            Unavailable: a filter failed.
        """
        self._received += piece
        end, ends_sentence = self._end()
        if end <= self._released:
            return ""
        released, whole = self._received[:end], await self._allowed(self._received)
        if whole is None:
            await self._apply(released)  # raises, unless more text may complete what is rejected
            return ""
        text = await self._allowed(released)
        if text is None or not whole.startswith(text):  # what a filter has found continues after it
            return ""
        self._released = end
        shown = self._show(text)
        if ends_sentence:
            self._sentences.append((end, len(self._shown)))
            self._forget()
        return shown

    async def finish(self) -> str:
        """The rest of the answer, as the filters leave it; raises as `add` does."""
        return self._show(await self._apply(self._received)) if self._received else ""

    def _end(self) -> tuple[int, bool]:
        """Where what may be released ends, and whether a sentence ends there."""
        end = max(len(self._received) - HELD_BACK, 0) // STEP * STEP
        sentences = [match.end() for match in _SENTENCE_END.finditer(self._received, end)]
        return (sentences[-1], True) if sentences else (end, False)

    def _forget(self) -> None:
        """Drop the sentences that the filters need not see any more."""
        while self._sentences and self._released - self._sentences[0][0] >= CONTEXT:
            received, shown = self._sentences.popleft()
            self._received, self._shown = self._received[received:], self._shown[shown:]
            self._released -= received
            self._sentences = deque((end - received, at - shown) for end, at in self._sentences)

    def _show(self, text: str) -> str:
        if not text.startswith(self._shown):
            raise Rejected("The answer was stopped, because a filter would change text that is already shown.")
        shown, self._shown = self._shown, text
        return text[len(shown) :]

    async def _allowed(self, text: str) -> str | None:
        """What the filters leave of a text; None if they reject it."""
        try:
            return await self._apply(text)
        except Rejected:
            return None

    async def _apply(self, text: str) -> str:
        filtered = await self._filters.apply(Message(self._sid, MODEL_ROLE, LLMResponse.event, text))
        self.replaced_by += [name for name in filtered.replaced_by if name not in self.replaced_by]
        return filtered.text
