"""Any server that speaks OpenAI's chat completions, through the openai SDK: OpenAI itself, Ollama, vLLM, llama.cpp.

The SDK sends the request; what comes is read here. The models that the SDK would build of its chunks
double what a chunk costs, and its reader is not for every server's events.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from doqchat.llm import provider_http, server_sent_events
from doqchat.llm.base import LLMError, Turn
from doqchat.llm.chat_completions import Chunk, OpenAIAnswerParser, messages
from doqchat.llm.provider import Event, ProviderLLM, ProviderOptions

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # the SDK insists on a key; servers that need none ignore it


class OpenAIOptions(ProviderOptions):
    """BASE_URL is the address up to and with the version, such as http://localhost:11434/v1."""

    def missing(self) -> list[str]:
        return [] if self.BASE_URL else super().missing()


class OpenAI(ProviderLLM):
    """A model of such a server."""

    provider = "openai"
    options_model = OpenAIOptions
    options: OpenAIOptions
    key_setting = "OPENAI_API_KEY"
    key_hint = "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key."

    def __init__(self, alias: str, options: Any) -> None:
        super().__init__(alias, options)
        self._asks_usage = True

    async def _ask(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        client: AsyncOpenAI = await self._client()
        from openai import APIConnectionError

        try:
            async with AsyncExitStack() as closing:
                response = await self._send(client, messages(turns, system), closing)
                events = server_sent_events.read(response.http_response)
                async for event in self._read(events, OpenAIAnswerParser(self.model), Chunk):
                    yield event
        except APIConnectionError as error:
            cause = error.__cause__
            raise LLMError("unavailable", detail=f"{type(cause).__name__}: {cause}") from None

    async def _send(self, client: "AsyncOpenAI", conversation: Any, closing: AsyncExitStack) -> "AsyncAPIResponse[Any]":
        """The response to a request; asks for the usage too, unless the server has refused to be asked for it."""
        create = client.chat.completions.with_streaming_response.create
        if self._asks_usage:
            asking = create(
                model=self.model, messages=conversation, stream=True, stream_options={"include_usage": True}
            )
            try:
                return await closing.enter_async_context(asking)
            except LLMError as error:
                if error.code != "failed" or "stream_options" not in error.detail:
                    raise
                self._asks_usage = False
        return await closing.enter_async_context(create(model=self.model, messages=conversation, stream=True))

    def _make_client(self) -> "AsyncOpenAI":
        """It has no timeouts and retries: the deadlines and retries of the base class hold."""
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            api_key=self.options.API_KEY.get_secret_value() or NO_KEY,
            base_url=self.options.BASE_URL or OPENAI_URL,
            timeout=None,
            max_retries=0,
            http_client=provider_http.client(self._refuse),
        )
        client.chat.completions  # noqa: B018  what is behind it is loaded when it is first asked for
        return client

    async def _close_client(self, client: "AsyncOpenAI") -> None:
        await client.close()
