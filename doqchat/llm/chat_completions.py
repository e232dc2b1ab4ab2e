"""OpenAI's chat completions API, as much of it as is used: a conversation in, chunks of an answer out."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from doqchat.llm.answer_parser import EMPTY_OBJECT, AnswerParser, count
from doqchat.llm.answers import Turn


def messages(turns: Sequence[Turn], system: str) -> list[dict[str, str]]:
    """The conversation as a request has it."""
    roles = {"user": "user", "model": "assistant"}
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": roles[turn.role], "content": turn.text} for turn in turns]


class Part(BaseModel):
    """A part of a message, as Mistral's models write theirs that think first; what they think is in another field."""

    text: str | None = None
    refusal: str | None = None
    thinking: Any = None


class _Delta(BaseModel):
    """What a chunk adds. Each server has its own name for the model's reasoning; `refusal` is said to people too."""

    content: str | list[Part | str] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_text: Any = None
    reasoning_details: Any = None
    thinking: Any = None
    thinking_blocks: Any = None
    thought: Any = None

    @property
    def text(self) -> str:
        """What is said in it."""
        if isinstance(self.content, list):
            parts = (part if isinstance(part, str) else part.text or part.refusal for part in self.content)
            return "".join(filter(None, parts))
        return self.content or self.refusal or ""

    @property
    def is_thinking(self) -> bool:
        """Whether it has reasoning in it."""
        if isinstance(self.content, list):
            return any(isinstance(part, Part) and part.thinking for part in self.content)
        reasoning = self.reasoning_content or self.reasoning or self.reasoning_text or self.reasoning_details
        return bool(reasoning or self.thinking or self.thinking_blocks or self.thought)


class _Choice(BaseModel):
    """A part of an answer; a whole one, which some servers send instead of a stream, has a message. Servers that
    complete texts write the text itself.
    """

    delta: Annotated[_Delta | None, EMPTY_OBJECT] = None
    message: Annotated[_Delta | None, EMPTY_OBJECT] = None
    text: str | None = None
    finish_reason: Any = None
    error: Any = None


class Chunk(BaseModel):
    """As much of a chat completion chunk as is read here."""

    # Pydantic cuts the input of its errors short, and a key in it is not known any more.
    model_config = ConfigDict(hide_input_in_errors=True)

    model: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None

    @property
    def is_known(self) -> bool:
        """Whether it is a part of an answer and nothing else."""
        failed = self.error or (self.choices and self.choices[0].error)
        return not failed and bool(self.choices or self.usage)


class OpenAIAnswerParser(AnswerParser):
    """Reads the chunks of one answer in order."""

    def read(self, chunk: Chunk) -> str:
        """The text that the chunk adds. The one with the usage has no choices."""
        if isinstance(chunk.model, str) and chunk.model:
            self.model = chunk.model
        if isinstance(chunk.usage, dict):
            asked, used = count(chunk.usage.get("prompt_tokens")), count(chunk.usage.get("completion_tokens"))
            self.input_tokens = self.input_tokens if asked is None else asked
            self.output_tokens = self.output_tokens if used is None else used
        if not chunk.choices:
            return ""
        self.has_begun = True
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        said = choice.delta or choice.message
        if said is None:
            return choice.text or ""
        self.is_thinking = said.is_thinking
        return said.text
