"""Any server that speaks OpenAI's chat completions, through the openai SDK: OpenAI itself, Ollama, vLLM, llama.cpp."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from doqchat.llm.base import Finish, LLMError, Piece, Turn
from doqchat.llm.provider import Answer, ProviderLLM, ProviderOptions

if TYPE_CHECKING:
    from openai import APIError, AsyncAPIResponse, AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # the SDK insists on a key; servers that need none ignore it


class OpenAIOptions(ProviderOptions):
    """BASE_URL is the address up to and with the version, such as http://localhost:11434/v1."""

    def missing(self) -> list[str]:
        return [] if self.BASE_URL else super().missing()


class OpenAI(ProviderLLM):
    """A model of such a server. Each event loop has a client of its own, as connections belong to a loop."""

    options_model = OpenAIOptions
    options: OpenAIOptions
    key_setting = "OPENAI_API_KEY"
    key_hint = "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key."

    def __init__(self, alias: str, options: Any) -> None:
        super().__init__(alias, options)
        self._clients: dict[asyncio.AbstractEventLoop, AsyncOpenAI] = {}
        self._asks_usage = True

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        client = await self._client()
        from openai import APIConnectionError, APIError, APIStatusError, AsyncStream

        answer = OpenAIAnswer(self.model)
        try:
            async with AsyncExitStack() as closing:
                response = await self._send(client, _messages(turns, system), closing)
                if "html" in (kind := response.headers.get("content-type", "")):
                    raise LLMError("invalid_response", detail=f"a page instead of a stream: {kind}")
                # The SDK would build a model of its own from each chunk, which costs more than all the rest.
                async for chunk in await response.parse(to=AsyncStream[object]):
                    if text := answer.read(Chunk.model_validate(chunk)):
                        yield Piece(text)
            yield answer.finish()
        except APIStatusError as error:
            if error.code == "content_filter":
                raise LLMError("blocked", detail=_message(error)) from None
            raise self.refusal(error.status_code, _message(error)) from None
        except APIConnectionError as error:
            cause = error.__cause__
            raise LLMError("unavailable", detail=f"{type(cause).__name__}: {cause}") from None
        except APIError as error:  # told in the stream, whose status was sent long before
            raise self.refusal(_status(error), _message(error)) from None
        except ValueError as error:
            raise LLMError("invalid_response", detail=f"{type(error).__name__}: {str(error)[:300]}") from None

    async def _send(self, client: "AsyncOpenAI", messages: Any, closing: AsyncExitStack) -> "AsyncAPIResponse[Any]":
        """The response to a request; asks for the usage too, unless the server has refused to be asked for it."""
        from openai import APIStatusError

        create = client.chat.completions.with_streaming_response.create
        if self._asks_usage:
            asking = create(model=self.model, messages=messages, stream=True, stream_options={"include_usage": True})
            try:
                return await closing.enter_async_context(asking)
            except APIStatusError as error:
                if error.status_code not in (400, 422) or "stream_options" not in error.response.text:
                    raise
                self._asks_usage = False
        return await closing.enter_async_context(create(model=self.model, messages=messages, stream=True))

    async def _client(self) -> "AsyncOpenAI":
        """The running event loop's client, made in a thread: importing the SDK takes most of a second."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            made = await asyncio.to_thread(self._make_client)
            for closed in [other for other in self._clients if other.is_closed()]:
                del self._clients[closed]
            self._clients.setdefault(loop, made)
        return self._clients[loop]

    def _make_client(self) -> "AsyncOpenAI":
        """An SDK client without timeouts and retries: the deadlines and retries of the base class hold."""
        from httpx2 import Limits
        from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

        return AsyncOpenAI(
            api_key=self.options.API_KEY.get_secret_value() or NO_KEY,
            base_url=self.options.BASE_URL or OPENAI_URL,
            timeout=None,
            max_retries=0,
            http_client=DefaultAsyncHttpx2Client(timeout=None, limits=Limits(max_connections=None)),
        )


class Delta(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    delta: Delta | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Chunk(BaseModel):
    """As much of a chat completion chunk as is read here."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None


class OpenAIAnswer(Answer):
    """Reads the chunks of one answer in order."""

    finish_reasons = {"stop": "stop", "length": "length", "content_filter": "safety"}

    def read(self, chunk: Chunk) -> str:
        """The text that the chunk adds. The one with the usage has no choices."""
        self.model = chunk.model or self.model
        if chunk.usage:
            self.input_tokens = chunk.usage.prompt_tokens
            self.output_tokens = chunk.usage.completion_tokens
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        return (choice.delta and choice.delta.content) or ""


def _messages(turns: Sequence[Turn], system: str) -> list[dict[str, str]]:
    roles = {"user": "user", "model": "assistant"}
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": roles[turn.role], "content": turn.text} for turn in turns]


def _message(error: "APIError") -> str:
    """What the provider wrote, in whichever form."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return str(message or error.body or error.message)


def _status(error: "APIError") -> int:
    """The HTTP status that an error in a stream would have had: its code where that is a number, else by its type."""
    if error.code and error.code.isdigit():
        return int(error.code)
    return 500 if error.type == "server_error" else 400
