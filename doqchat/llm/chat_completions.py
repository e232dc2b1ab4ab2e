"""OpenAI's chat completions API, as much of it as is used: a conversation in, chunks of an answer out."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from doqchat.llm.answers import Turn
from doqchat.llm.provider import Answer


def messages(turns: Sequence[Turn], system: str) -> list[dict[str, str]]:
    """The conversation as a request has it."""
    roles = {"user": "user", "model": "assistant"}
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": roles[turn.role], "content": turn.text} for turn in turns]


class Part(BaseModel):
    """A part of a message, as Mistral's models write theirs that think first; what they think is in another field."""

    text: str = ""


class Delta(BaseModel):
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """What is said in it."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class Choice(BaseModel):
    delta: Delta | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(BaseModel):
    """As much of a chat completion chunk as is read here."""

    # Pydantic cuts the input of its errors short, and a key in it is not known any more.
    model_config = ConfigDict(hide_input_in_errors=True)

    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


class OpenAIAnswer(Answer):
    """Reads the chunks of one answer in order."""

    finish_reasons = {
        "stop": "stop",
        "eos": "stop",  # Together's name for it
        "length": "length",
        "model_length": "length",  # Mistral's, for the end of the model's context
        "content_filter": "safety",
    }

    def read(self, chunk: Chunk) -> str:
        """The text that the chunk adds. The one with the usage has no choices."""
        self.model = chunk.model or self.model
        if chunk.usage:
            self.input_tokens = chunk.usage.prompt_tokens
            self.output_tokens = chunk.usage.completion_tokens
        if not chunk.choices:
            return ""
        self.has_begun = True
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        return choice.delta.text if choice.delta else ""
