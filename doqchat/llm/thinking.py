"""Removes reasoning that a server leaves in the text, in a tagged block at its start."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from doqchat.llm.answers import Finish, Piece, Thought

NAMES = "think", "thinking", "thought", "reasoning"
TAGS = {f"<{name}>": f"</{name}>" for name in NAMES} | {"[think]": "[/think]", "◁think▷": "◁/think▷"}
LONGEST_TAG = max(map(len, TAGS.values()))
LONGEST_START = 200
"""Characters of an answer, white space above all, that are held back while a tag may still begin in them."""

Event = Piece | Thought | Finish


async def without_reasoning(events: AsyncGenerator[Event, None], longest: int) -> AsyncGenerator[Event, None]:
    """The events of an answer without the block of reasoning that it may begin with, which becomes Thoughts.

    A block without an end may be the answer: it becomes a piece before the Finish, up to `longest` characters of it.
    """
    start = _Start(longest)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Piece):
                text = start.take(event.text)
                yield Piece(text) if text else Thought()
            else:
                if isinstance(event, Finish) and (rest := start.end()):
                    yield Piece(rest)
                yield event


class _Start:
    """The start of an answer, up to where all that follows is shown."""

    def __init__(self, longest: int) -> None:
        self._room = longest
        self._held: list[str] = []
        self._tail = ""
        self._closing: re.Pattern[str] | None = None
        self._is_over = self._skips_space = False

    def take(self, text: str) -> str:
        """What is shown, now that this has been said too."""
        if self._is_over:
            return self._shown(text)
        if self._closing:
            return self._reasoned(text)
        self._held.append(text)
        text = "".join(self._held)
        start = text.lstrip()
        for opening, closing in TAGS.items():
            if start[: len(opening)].lower() == opening:
                self._closing = re.compile(re.escape(closing), re.IGNORECASE)
                self._held = []
                return self._reasoned(start[len(opening) :])
        may_follow = any(opening.startswith(start.lower()) for opening in TAGS)
        return "" if may_follow and len(text) < LONGEST_START else self.end()

    def end(self) -> str:
        """What was held back, now that nothing else follows."""
        rest = "".join(self._held)
        self._held, self._is_over = [], True
        return rest.lstrip() if self._closing else rest

    def _reasoned(self, text: str) -> str:
        """Look for the end of the block, which may be cut in two; returns what follows it."""
        window = self._tail + text
        if found := self._closing and self._closing.search(window):
            self._held, self._is_over, self._skips_space = [], True, True
            return self._shown(window[found.end() :])
        self._tail = window[1 - LONGEST_TAG :]
        self._held.append(text[: self._room])
        self._room -= len(self._held[-1])
        return ""

    def _shown(self, text: str) -> str:
        """The text without the white space between the block and the answer."""
        if self._skips_space:
            text = text.lstrip()
            self._skips_space = not text
        return text
