"""The values that pass between doqchat and a model, and the one error a model raises."""

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "safety"]
ErrorCode = Literal[
    "not_configured",
    "rate_limited",
    "quota_exhausted",
    "unsupported_location",
    "context_too_long",
    "timeout",
    "unavailable",
    "blocked",
    "no_answer",
    "unfinished",
    "invalid_response",
    "failed",
]

MESSAGES: dict[ErrorCode, str] = {
    "not_configured": "The assistant is not configured. The administrator of this site can find the reason in its log.",
    "rate_limited": "The assistant is receiving too many requests. Try again in a minute.",
    "quota_exhausted": "The assistant's quota at its provider is used up. The administrator of this site can raise it.",
    "unsupported_location": "The assistant's provider does not serve the country or region of this site's server.",
    "context_too_long": "The conversation is too long for the assistant's model. Ask a shorter question.",
    "timeout": "The assistant took too long to answer. Try again.",
    "unavailable": "The assistant is unreachable at the moment. Try again later.",
    "blocked": "The assistant's provider refused this request for safety reasons.",
    "no_answer": "The assistant gave no answer. Try again.",
    "unfinished": "The assistant's answer was cut off. Try again.",
    "invalid_response": "The assistant's provider sent an invalid answer. Try again.",
    "failed": "The assistant could not answer this request.",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the conversation with the model; all people in a session share the user's side."""

    role: Literal["user", "model"]
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The next chunk of an answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning of the model; its text is discarded."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer: finish reason, model, and the tokens used, None if not reported."""

    reason: FinishReason
    model: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    text: str
    finish: Finish

    def __str__(self) -> str:
        return self.text


class LLMError(Exception):
    """The model did not answer.

    `code` is stable; `message` is one sentence for people in the session; `detail` is for the log and the shell only.
    `retry_after` is the number of seconds after which the provider accepts another request, if known.
    """

    def __init__(self, code: ErrorCode, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = MESSAGES[code]
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} ({self.detail})" if self.detail else self.message


class SystemRoleRefused(LLMError):
    """The model does not accept a system message."""


class UnknownLLM(LookupError):
    """LLMS has no such alias; the message lists the existing ones."""
