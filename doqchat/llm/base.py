"""The base class of models: text in; pieces, a finish reason and usage out.

A backend implements one method, `_open`: one request to its provider. Common to all are the three timeouts, the
retries, and the rule that every answer has an end.
"""

import asyncio
import itertools
import json
import logging
import random
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from doqchat.llm import progress
from doqchat.llm.answers import Finish, LLMError, Piece, Reply, Thought, Turn, UnknownLLM
from doqchat.llm.progress import Deadline, Progress
from doqchat.llm.spans import attributes_of, provider_call
from doqchat.llm.thinking import without_reasoning

__all__ = ["LLM", "Finish", "LLMError", "LLMOptions", "Piece", "Reply", "Thought", "Turn", "UnknownLLM"]

logger = logging.getLogger(__name__)

RETRIED_CODES = {"rate_limited", "unavailable"}

LONGEST_DETAIL = 500
"""Maximum length of an error's detail, because providers may respond with whole pages."""


class Prices(BaseModel):
    """Prices per million tokens, in any currency."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    INPUT: float = Field(ge=0)
    OUTPUT: float = Field(ge=0)


class LLMOptions(BaseModel):
    """Options of a settings entry besides BACKEND. Backends add theirs; unknown names and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    MODEL: str = Field(pattern=r"^\S(.*\S)?$")
    FIRST_PIECE_SECONDS: float = Field(default=30, gt=0)
    IDLE_SECONDS: float = Field(default=30, gt=0)
    TOTAL_SECONDS: float = Field(default=300, gt=0)
    RETRIES: int = Field(default=2, ge=0)
    RETRY_SECONDS: float = Field(default=0.5, ge=0)
    CONTEXT_TOKENS: int = Field(default=16_000, gt=0)
    PRICES: Prices | None = None

    def missing(self) -> list[str]:
        """The names of required options."""
        return []


class LLM(ABC):
    """One configured model. Objects are shared by all threads and event loops of a process.

    `provider` is the name of its provider in traces. `alias` is its name in the LLMS setting; `options` are the options
    of that entry, without BACKEND. Raises pydantic.ValidationError if they do not match `options_model`.
    """

    provider: ClassVar[str] = "custom"
    options_model: ClassVar[type[LLMOptions]] = LLMOptions
    key_hint: ClassVar[str] = "Set it."
    options: LLMOptions

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        self.alias = alias
        self.options = self.options_model.model_validate(dict(options))
        self.model = self.options.MODEL

    @property
    def context_tokens(self) -> int:
        """The maximum size of the prompt, in approximate tokens."""
        return self.options.CONTEXT_TOKENS

    def stream(self, prompt: str | Sequence[Turn], *, system: str = "") -> AsyncGenerator[Piece | Finish, None]:
        """Stream the answer: pieces, then exactly one Finish.

        `prompt` is one question, or a conversation whose last turn is the user's; `system` the instructions, kept
        apart from it. Close the generator (`contextlib.aclosing`), or cancel the task that waits for it, to end the
        answer: the provider's connection is closed before either returns.

        A request is retried after a rate limit, a failure of the provider or a broken connection, but never after the
        first piece, nor before the provider's Retry-After. Reasoning is not shown; while it arrives, the first piece
        may take longer. An answer is complete at its finish reason: it ends with the response or END_SECONDS later. An
        answer that the provider blocked ends with the finish reason `safety`, and one that is cut off after
        LONGEST_ANSWER characters with `length`.

        Raises ValueError for an empty prompt, and while iterating LLMError: `timeout` when the first piece (retries
        included), the next one or the whole answer takes too long, with the option that says so in its detail;
        `blocked` when the provider refused the prompt itself, `context_too_long` when it does not fit into the model's
        context, `no_answer` for an answer without a word, `unfinished` for one without an end.
        """
        turns = [Turn("user", prompt)] if isinstance(prompt, str) else list(prompt)
        if not turns or turns[-1].role != "user" or not turns[-1].text.strip():
            raise ValueError("A prompt needs text, and its last turn must be the user's.")
        return self._stream(turns, system)

    async def prepare(self) -> None:  # noqa: B027  a backend without an SDK has nothing to do
        """Prepare the first request of this event loop. Sends nothing and raises nothing."""

    async def generate(self, prompt: str | Sequence[Turn], *, system: str = "") -> Reply:
        """The whole answer at once; arguments and errors are those of `stream`."""
        pieces: list[str] = []
        finish = None
        async with aclosing(self.stream(prompt, system=system)) as events:
            async for event in events:
                if isinstance(event, Piece):
                    pieces.append(event.text)
                else:
                    finish = event
        if finish is None:
            raise LLMError("unfinished")
        return Reply("".join(pieces), finish)

    @abstractmethod
    def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Thought | Finish, None]:
        """One request to the provider, without retries or deadlines.

        Yields pieces, Thoughts while the model reasons, and a Finish as soon as there is a finish reason; another one
        if the usage follows. Must release the connection when it is closed or cancelled.

        Raises LLMError; its detail may be of any length and contain secrets, which are removed.
        """

    def _place(self) -> AbstractAsyncContextManager[None]:
        """Held by each answer. A backend with a concurrency limit makes others wait here, without a timeout."""
        return nullcontext()

    async def _stream(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        """The answer, once there is a free slot."""
        async with self._place(), aclosing(self._attempts(turns, system)) as events:
            async for event in events:
                yield event

    async def _attempts(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        """The first attempt that yields a piece or an end."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for attempt in itertools.count(1):
            heard = False
            try:
                with provider_call(self) as span:
                    async with aclosing(self._attempt(turns, system, began)) as events:
                        async for event in events:
                            heard = True
                            if isinstance(event, Finish):
                                span.add(attributes_of(event))
                            yield event
                return
            except LLMError as error:
                backoff = self.options.RETRY_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
                delay = max(backoff, error.retry_after or 0)
                patience = min(self.options.FIRST_PIECE_SECONDS, self.options.TOTAL_SECONDS)
                too_late = clock() + delay >= began + patience
                error.detail = self._told(error)
                if heard or too_late or attempt > self.options.RETRIES or error.code not in RETRIED_CODES:
                    logger.warning("llms[%r]: %s (%s)", self.alias, error.code, error.detail)
                    raise
                logger.info("llms[%r]: %s (%s); retrying in %.1f s", self.alias, error.code, error.detail, delay)
            await asyncio.sleep(delay)

    async def _attempt(self, turns: Sequence[Turn], system: str, began: float) -> AsyncGenerator[Piece | Finish, None]:
        """One request with timeouts; `began` is the event loop's time of the call."""
        come = Progress(self.options, self.model, began, asyncio.get_running_loop().time)
        async with aclosing(without_reasoning(self._open(turns, system), progress.LONGEST_ANSWER)) as events:
            while not come.is_full:
                try:
                    event = await self._next(events, come.due)
                except LLMError as error:
                    if not come.is_complete:
                        raise
                    logger.debug("llms[%r]: after the end: %s (%s)", self.alias, error.code, self._told(error))
                    break
                if piece := come.take(event):
                    yield piece
            yield come.finish()

    async def _next(
        self, events: AsyncGenerator[Piece | Thought | Finish, None], due: Deadline
    ) -> Piece | Thought | Finish:
        """The provider's next event, before its deadline."""
        try:
            async with asyncio.timeout_at(due.at) as timeout:
                return await anext(events)
        except StopAsyncIteration:
            raise LLMError("unfinished", detail="the answer ended without a finish reason") from None
        except Exception as error:
            if timeout.expired():
                raise due.error() from None
            if isinstance(error, LLMError):
                raise
            trace = "".join(traceback.format_exception(error))
            logger.error("llms[%r]: unexpected error\n%s", self.alias, self._conceal(trace))
            raise LLMError("failed", detail=f"{type(error).__name__}: {error}") from None

    def _told(self, error: LLMError) -> str:
        """The error's detail as it may be logged: short, on one line, and without secrets."""
        return _as_one_line(self._conceal(error.detail)[:LONGEST_DETAIL])

    def _conceal(self, text: str) -> str:
        """The text without the values of secret options: providers repeat keys in their error messages.

        Traces and messages may have them as Python or JSON writes them, with backslashes doubled.
        """
        for _name, value in self.options:
            if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
                for written in (json.dumps(secret)[1:-1], repr(secret)[1:-1], secret):
                    text = text.replace(written, "…")
        return text


def _as_one_line(text: str) -> str:
    """The text without line breaks and control characters: providers choose it, and it goes to logs and terminals."""
    return "".join(character if character.isprintable() else " " for character in text)
