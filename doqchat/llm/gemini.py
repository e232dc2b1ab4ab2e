"""What the two Gemini backends share: the key they need, and how an answer is read."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from doqchat.llm.answers import Finish, LLMError
from doqchat.llm.provider import Answer, ProviderLLM


class Gemini(ProviderLLM):
    """The parts of a Gemini backend that do not depend on the SDK."""

    key_setting = "GEMINI_API_KEY"
    key_hint = "Set GEMINI_API_KEY."


class _Received(BaseModel):
    """Part of the API's GenerateContentResponse: as much as is read, under the names that the SDKs' attributes have.

    What there is nothing to say of is left out by the API itself, and null where gateways write its answers anew.
    """

    # Pydantic cuts the input of its errors short, and a key in it is not known any more.
    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


class Part(_Received):
    text: str | None = None
    thought: bool | None = None


class Content(_Received):
    parts: list[Part] | None = None


class Candidate(_Received):
    content: Content | None = None
    finish_reason: str | None = None


class PromptFeedback(_Received):
    block_reason: str | None = None


class Usage(_Received):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class Error(_Received):
    code: int
    message: str | None = None


class Chunk(_Received):
    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | None = None
    model_version: str | None = None
    error: Error | None = None


class GeminiAnswer(Answer):
    """Reads the chunks of one answer in order: each a Chunk, or the legacy SDK's protocol buffer of the same form."""

    finish_reasons = {
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

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._prompt_block = ""

    def read(self, chunk: Any) -> str:
        """The text that the chunk adds; what the model thinks to itself is not part of it."""
        self.model = chunk.model_version or self.model
        if chunk.prompt_feedback:
            self._prompt_block = _name(chunk.prompt_feedback.block_reason) or self._prompt_block
        if usage := chunk.usage_metadata:
            self.input_tokens = usage.prompt_token_count or self.input_tokens
            thoughts = getattr(usage, "thoughts_token_count", 0) or 0
            self.output_tokens = (usage.candidates_token_count or 0) + thoughts or self.output_tokens
        if not chunk.candidates:
            return ""
        candidate = chunk.candidates[0]
        self.has_begun = True
        self.finish_reason = _name(candidate.finish_reason) or self.finish_reason
        parts: Sequence[Any] = (candidate.content and candidate.content.parts) or ()
        return "".join(part.text for part in parts if part.text and not getattr(part, "thought", False))

    def finish(self) -> Finish:
        """As every answer; raises LLMError also when the prompt was `blocked`."""
        if self._prompt_block:
            raise LLMError("blocked", detail=f"the prompt was blocked: {self._prompt_block}")
        return super().finish()


def _name(reason: Any) -> str:
    """The enum's name, empty when there is none or it is unspecified; a number that the SDK does not know as such."""
    name = str(getattr(reason, "name", None) or reason or "")
    return "" if name.endswith("_UNSPECIFIED") else name
