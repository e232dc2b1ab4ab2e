"""What the two Gemini backends share: their options, how an answer is read, and what its errors mean.

Both SDKs give the API's GenerateContentResponse under the same attribute names, one as Pydantic models whose fields
may be None, one as protocol buffers whose fields are empty instead.
"""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pydantic import Field, SecretStr

from doqchat.llm.answers import Finish, FinishReason, LLMError
from doqchat.llm.base import LLM, LLMOptions

FINISH_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "safety",
    "RECITATION": "safety",
    "BLOCKLIST": "safety",
    "PROHIBITED_CONTENT": "safety",
    "SPII": "safety",
    "MODEL_ARMOR": "safety",
    "ESCALATION": "safety",
}


class GeminiOptions(LLMOptions):
    """BASE_URL is the API's address without a version; empty for Google's own."""

    API_KEY: SecretStr = Field(default=SecretStr(""))
    BASE_URL: str = Field(default="", pattern=r"^(https?://.+)?$")


class Gemini(LLM):
    """The parts of a Gemini backend that do not depend on the SDK."""

    options_model = GeminiOptions
    options: GeminiOptions
    key_hint = "Set GEMINI_API_KEY."

    @cached_property
    def _client(self) -> Any:
        """The SDK's client."""
        raise NotImplementedError

    async def _prepare(self) -> None:
        """Makes the client in a thread: importing the SDK takes most of a second."""
        if "_client" not in vars(self):
            await asyncio.to_thread(getattr, self, "_client")

    def refusal(self, status: int, message: str) -> LLMError:
        """The error for an HTTP status other than 200; `message` is what the provider wrote."""
        summary = f"{status} {' '.join(message.split())[:300]}"
        if status == 429:
            return LLMError("rate_limited", detail=summary)
        if status == 408 or status >= 500:
            return LLMError("unavailable", detail=summary)
        if message.lstrip().startswith("<"):
            return LLMError("invalid_response", detail=f"a page instead of JSON: {summary}")
        if status in (401, 403) or "api key" in message.lower():
            return LLMError("not_configured", detail=f"the provider refuses the key in GEMINI_API_KEY: {summary}")
        if status == 404:
            return LLMError("not_configured", detail=f"the provider has no model {self.model!r}: {summary}")
        return LLMError("failed", detail=summary)


class Answer:
    """Reads the chunks of one answer in order, and knows at the end how it ended."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._finish = ""
        self._prompt_block = ""
        self._has_candidate = False
        self._input_tokens: int | None = None
        self._output_tokens: int | None = None

    def read(self, chunk: Any) -> str:
        """The text that the chunk adds; what the model thinks to itself is not part of it."""
        self._model = chunk.model_version or self._model
        if chunk.prompt_feedback:
            self._prompt_block = _name(chunk.prompt_feedback.block_reason) or self._prompt_block
        if usage := chunk.usage_metadata:
            self._input_tokens = usage.prompt_token_count or self._input_tokens
            thoughts = getattr(usage, "thoughts_token_count", 0) or 0
            self._output_tokens = (usage.candidates_token_count or 0) + thoughts or self._output_tokens
        if not chunk.candidates:
            return ""
        candidate = chunk.candidates[0]
        self._has_candidate = True
        self._finish = _name(candidate.finish_reason) or self._finish
        parts: Sequence[Any] = (candidate.content and candidate.content.parts) or ()
        return "".join(part.text for part in parts if part.text and not getattr(part, "thought", False))

    def finish(self) -> Finish:
        """How the answer ended.

        Raises LLMError: `blocked` when the prompt was refused, `invalid_response` when there is no candidate or no
        finish reason, `failed` when the model gave up for a reason of its own.
        """
        if self._prompt_block:
            raise LLMError("blocked", detail=f"the prompt was blocked: {self._prompt_block}")
        if not self._has_candidate:
            raise LLMError("invalid_response", detail="the answer has no candidates")
        if not self._finish:
            raise LLMError("invalid_response", detail="the answer ended without a finish reason")
        if self._finish not in FINISH_REASONS:
            raise LLMError("failed", detail=f"the model stopped: {self._finish}")
        return Finish(FINISH_REASONS[self._finish], self._model, self._input_tokens, self._output_tokens)


def _name(reason: Any) -> str:
    """The enum's name, empty when there is none or it is unspecified; a number that the SDK does not know as such."""
    name = str(getattr(reason, "name", None) or reason or "")
    return "" if name.endswith("_UNSPECIFIED") else name
