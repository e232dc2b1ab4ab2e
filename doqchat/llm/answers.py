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
    "not_configured": "The assistant is not configured. Whoever runs this site can find the reason in its log.",
    "rate_limited": "The assistant is asked too much at the moment. Try again in a minute.",
    "quota_exhausted": "The assistant's quota at its provider is used up. The administrator of this site can raise it.",
    "unsupported_location": "The assistant's provider does not serve the country or region of this site's server.",
    "context_too_long": "The conversation is too long for the assistant's model. Ask a shorter question.",
    "timeout": "The assistant took too long to answer. Try again.",
    "unavailable": "The assistant cannot be reached at the moment. Try again later.",
    "blocked": "The assistant's provider does not accept this request for safety reasons.",
    "no_answer": "The assistant gave no answer. Try again.",
    "unfinished": "The assistant's answer broke off before its end. Try again.",
    "invalid_response": "The assistant's provider sent an answer that cannot be used. Try again.",
    "failed": "The assistant could not answer this request.",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side of the conversation with the model said; the people in a session share the user's side."""

    role: Literal["user", "model"]
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The next words of an answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """A sign that the model is reasoning; what it thinks is not kept."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How an answer ended, which model gave it, and what it used; None where the provider does not say."""

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

    `code` is stable; `message` one sentence for people in the session; `detail` is for the log and the shell only.
    `retry_after` is the number of seconds after which the provider takes another request, if it says so.
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
    """The model takes no system message."""


class UnknownLLM(LookupError):
    """There is no model of that alias in LLMS; the message names those that there are."""
