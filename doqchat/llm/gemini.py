"""What the two Gemini backends share: the key they need, and how an answer is read."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from doqchat.llm.answer_parser import EMPTY_OBJECT, AnswerParser, count
from doqchat.llm.answers import LLMError
from doqchat.llm.provider import ProviderLLM


class Gemini(ProviderLLM):
    """The parts of a Gemini backend that do not depend on the SDK."""

    provider = "gcp.gemini"
    key_setting = "GEMINI_API_KEY"
    key_hint = "Set GEMINI_API_KEY."


class _Received(BaseModel):
    """Part of the API's GenerateContentResponse: as much as is read, under the names that the SDKs' attributes have.

    The API omits empty fields; gateways that rewrite its answers set them to null.
    """

    # Pydantic cuts the input of its errors short, and a key in it is not known any more.
    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


class Part(_Received):
    text: str | None = None
    thought: bool | None = None


class Content(_Received):
    parts: list[Part] | None = None


class Candidate(_Received):
    content: Annotated[Content | None, EMPTY_OBJECT] = None
    finish_reason: Any = None
    finish_message: Any = None


class PromptFeedback(_Received):
    block_reason: Any = None
    block_reason_message: Any = None


class Usage(_Received):
    prompt_token_count: Any = None
    candidates_token_count: Any = None
    thoughts_token_count: Any = None


class Chunk(_Received):
    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | Any = Field(default=None, union_mode="left_to_right")
    model_version: Any = None
    error: Any = None

    @property
    def is_known(self) -> bool:
        """Whether it is a part of an answer and nothing else."""
        return not self.error and bool(self.candidates or self.prompt_feedback or self.usage_metadata)


class GeminiAnswerParser(AnswerParser):
    """Reads the chunks of one answer in order."""

    def read(self, chunk: Chunk) -> str:
        """The text that the chunk adds; what the model thinks to itself is not part of it.

        Raises LLMError `blocked` when the prompt was blocked.
        """
        if chunk.model_version and isinstance(chunk.model_version, str):
            self.model = chunk.model_version
        if chunk.prompt_feedback and (block := _name(chunk.prompt_feedback.block_reason)):
            told = ": ".join(filter(None, (block, str(chunk.prompt_feedback.block_reason_message or ""))))
            raise LLMError("blocked", detail=f"the prompt was blocked: {told}")
        self._count(chunk.usage_metadata)
        if not chunk.candidates:
            return ""
        candidate = chunk.candidates[0]
        self.has_begun = True
        self.finish_reason = _name(candidate.finish_reason) or self.finish_reason
        self.explanation = str(candidate.finish_message or self.explanation)
        parts = (candidate.content and candidate.content.parts) or []
        self.is_thinking = any(part.thought for part in parts)
        return "".join(part.text or "" for part in parts if not part.thought)

    def _count(self, usage: Any) -> None:
        asked = count(getattr(usage, "prompt_token_count", None))
        said = count(getattr(usage, "candidates_token_count", None))
        thought = count(getattr(usage, "thoughts_token_count", None))
        self.input_tokens = asked or self.input_tokens
        self.output_tokens = (said or 0) + (thought or 0) or self.output_tokens


def _name(reason: Any) -> str:
    """The name of a reason; empty when there is none or it is unspecified."""
    name = str(reason or "")
    return "" if name.endswith("_UNSPECIFIED") else name
