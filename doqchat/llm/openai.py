"""Any server that speaks OpenAI's chat completions, through the openai SDK: OpenAI itself, Ollama, vLLM, llama.cpp.

The SDK sends the request and reads refusals; the stream is read here. The models that the SDK would build of its chunks
double what a chunk costs, and its reader is not for every server's events.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from doqchat.llm import provider_http, server_sent_events
from doqchat.llm.base import Finish, LLMError, Piece, Turn
from doqchat.llm.chat_completions import Chunk, OpenAIAnswer, messages
from doqchat.llm.provider import ProviderLLM, ProviderOptions

if TYPE_CHECKING:
    from openai import APIError, AsyncAPIResponse, AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # the SDK insists on a key; servers that need none ignore it


class OpenAIOptions(ProviderOptions):
    """BASE_URL is the address up to and with the version, such as http://localhost:11434/v1."""

    def missing(self) -> list[str]:
        return [] if self.BASE_URL else super().missing()


class OpenAI(ProviderLLM):
    """A model of such a server."""

    options_model = OpenAIOptions
    options: OpenAIOptions
    key_setting = "OPENAI_API_KEY"
    key_hint = "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key."

    def __init__(self, alias: str, options: Any) -> None:
        super().__init__(alias, options)
        self._asks_usage = True

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        client: AsyncOpenAI = await self._client()
        from httpx2 import TransportError
        from openai import APIError

        answer = OpenAIAnswer(self.model)
        try:
            async with AsyncExitStack() as closing:
                response = await self._send(client, messages(turns, system), closing)
                async for data in server_sent_events.read(response.http_response):
                    chunk = Chunk.model_validate_json(data)
                    if chunk.error:
                        raise APIError(str(chunk.error), response.http_request, body=chunk.error)
                    if text := answer.read(chunk):
                        yield Piece(text)
        except APIError as error:
            raise self._meaning(error) from None
        except TransportError as error:
            if not answer.finish_reason:  # nothing of the answer comes after it
                raise LLMError("unavailable", detail=f"{type(error).__name__}: {error}") from None
        except ValueError as error:
            raise LLMError("invalid_response", detail=f"{type(error).__name__}: {error}") from None
        yield answer.finish()

    async def _send(self, client: "AsyncOpenAI", conversation: Any, closing: AsyncExitStack) -> "AsyncAPIResponse[Any]":
        """The response to a request; asks for the usage too, unless the server has refused to be asked for it."""
        from openai import APIStatusError

        create = client.chat.completions.with_streaming_response.create
        if self._asks_usage:
            asking = create(
                model=self.model, messages=conversation, stream=True, stream_options={"include_usage": True}
            )
            try:
                return await closing.enter_async_context(asking)
            except APIStatusError as error:
                if error.status_code not in (400, 422) or "stream_options" not in error.response.text:
                    raise
                self._asks_usage = False
        return await closing.enter_async_context(create(model=self.model, messages=conversation, stream=True))

    def _meaning(self, error: "APIError") -> LLMError:
        """The SDK's error as one of ours."""
        from openai import APIConnectionError, APIStatusError

        if isinstance(error, APIConnectionError):
            cause = error.__cause__
            return LLMError("unavailable", detail=f"{type(cause).__name__}: {cause}")
        if error.code == "content_filter":
            return LLMError("blocked", detail=_message(error))
        if isinstance(error, APIStatusError):
            return self.refusal(error.status_code, _message(error))
        return self.refusal(_status(error), _message(error))  # told in the stream, whose status was sent long before

    def _make_client(self) -> "AsyncOpenAI":
        """It has no timeouts and retries: the deadlines and retries of the base class hold."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            api_key=self.options.API_KEY.get_secret_value() or NO_KEY,
            base_url=self.options.BASE_URL or OPENAI_URL,
            timeout=None,
            max_retries=0,
            http_client=provider_http.client(),
        )
        client.chat.completions  # noqa: B018  what is behind it is loaded when it is first asked for
        return client


def _message(error: "APIError") -> str:
    """What the provider wrote, in whichever form."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return str(message or error.body or error.message)


def _status(error: "APIError") -> int:
    """The HTTP status that an error in a stream would have had: its code where that is a number, else by its type."""
    if error.code and error.code.isdigit():
        return int(error.code)
    return 500 if error.type == "server_error" else 400
