"""Parses streamed answers: chunks and the finish reason. Common to all APIs and their implementations."""

import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, BeforeValidator

from doqchat.llm.answers import Finish, FinishReason, LLMError, Piece, Thought

log = logging.getLogger(__name__)

Form = TypeVar("Form", bound=BaseModel)

FINISH_REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(
        ("length", "max_tokens", "model_length", "max_output_tokens", "max_length", "max_new_tokens"), "length"
    ),
    **dict.fromkeys(("continuation", "model_context_window_exceeded", "context_window_exceeded"), "length"),
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "recitation", "blocklist"), "safety"),
    **dict.fromkeys(("prohibited_content", "spii", "model_armor", "escalation", "refusal", "sensitive"), "safety"),
    **dict.fromkeys(("guardrail_intervened", "guardrails"), "safety"),
}
"""What the finish reasons of providers mean, in lower case and with underscores."""

FAILED = re.compile(
    r"abort|error|fail|cancel|time_?out|disconnect|interrupt|insufficient|malformed|tool|function|other|lang"
)
"""Finish reasons with these words mean that the answer is not complete, or not one of words."""

NO_REASONS = {"", "null", "none", "finish_reason_unspecified"}

FIRST_HALF = 0x10F800
"""The private character that takes the place of the first surrogate, which no valid text has, while a chunk is read."""

_HALVES = re.compile("[\U0010f800-\U0010ffff]")
_WHOLE = re.compile("([\U0010f800-\U0010fbff])([\U0010fc00-\U0010ffff])")
_SURROGATE = re.compile("[\ud800-\udfff]")


EMPTY_OBJECT = BeforeValidator(lambda value: None if value == [] else value)
"""For an object that may be missing: gateways in PHP write one without fields as an empty list."""


class AnswerParser(ABC):
    """What is known of one answer after the chunks read so far.

    `has_begun` says whether any of them had a candidate, as Gemini calls it, or a choice, as OpenAI does; `is_thinking`
    whether the last one had reasoning in it; `explanation` what is said of the finish reason.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.has_begun = False
        self.has_text = False
        self.is_thinking = False
        self.finish_reason: Any = None
        self.explanation = ""
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self._half = ""
        self._unknown = ""

    @abstractmethod
    def read(self, chunk: Any) -> str:
        """The text of the chunk; records its other fields."""

    def take(self, chunk: Any) -> Iterator[Piece | Thought | Finish]:
        """What the chunk adds to the answer. Raises what `finish` does."""
        self.is_thinking = False
        text = self._joined(self.read(chunk))
        if text:
            self.has_text = True
            yield Piece(text)
        elif self.is_thinking:
            yield Thought()
        if self.finish_reason and _plain(self.finish_reason) not in NO_REASONS:
            yield self.finish()

    def finish(self) -> Finish:
        """How the answer ended. A reason that is not known ends an answer that has text as `stop` does.

        Raises LLMError: `no_answer` when it has not begun, `unfinished` when it has no finish reason, `failed` when
        the model stopped for another reason.
        """
        if not self.has_begun:
            raise LLMError("no_answer", detail="the answer has no candidates")
        name = _plain(self.finish_reason)
        if name in NO_REASONS:
            raise LLMError("unfinished", detail="the answer ended without a finish reason")
        reason = FINISH_REASONS.get(name)
        if reason is None:
            if FAILED.search(name) or not self.has_text:
                told = ": ".join(filter(None, (str(self.finish_reason), self.explanation)))
                raise LLMError("failed", detail=f"the model stopped: {told}")
            self._warn(name)
            reason = "stop"
        return Finish(reason, self.model, self.input_tokens, self.output_tokens)

    def _warn(self, name: str) -> None:
        if self._unknown != name:
            self._unknown = name
            log.warning("The model %.80r ended its answer with an unknown finish reason: %.80r", self.model, name)

    def _joined(self, text: str) -> str:
        """The text with characters whole that were cut in two between chunks."""
        if not (self._half or _HALVES.search(text)):
            return text
        text = _WHOLE.sub(_character, self._half + text)
        self._half = text[-1:] if _HALVES.match(text[-1:]) and not self.finish_reason else ""
        return _HALVES.sub("\ufffd", text.removesuffix(self._half) if self._half else text)


def parsed(form: type[Form], value: Any) -> Form:
    """A decoded chunk, which may have halves of characters in it, as its form. Raises ValueError if it is no such."""
    text = json.dumps(value, ensure_ascii=False)
    return form.model_validate_json(_SURROGATE.sub(lambda half: chr(FIRST_HALF + ord(half[0]) - 0xD800), text))


def count(value: Any) -> int | None:
    """A token count in any notation; None if it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def _plain(reason: Any) -> str:
    """A finish reason in lower case and with underscores."""
    return re.sub(r"\W+", "_", str(reason or "")).strip("_").lower()


def _character(halves: re.Match[str]) -> str:
    high, low = (ord(half) - FIRST_HALF for half in halves.groups())
    return chr(0x10000 + (high << 10) + low - 0x400)
