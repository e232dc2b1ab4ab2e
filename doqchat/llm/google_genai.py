"""Gemini through google-genai, the current SDK: asynchronous, streamed, and closed as soon as nobody listens."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING

from doqchat.llm.base import Finish, LLMError, Piece, Turn
from doqchat.llm.gemini import Answer, Gemini

if TYPE_CHECKING:
    import httpx2
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

_responses: ContextVar[list["httpx2.Response"]] = ContextVar("responses")


class GoogleGenAI(Gemini):
    """A Gemini model. One client serves all event loops, since the SDK keeps a connection pool for each."""

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        await self._prepare()
        import httpx2
        from google.genai.errors import APIError, UnknownApiResponseError

        answer = Answer(self.model)
        try:
            async with aclosing(self._chunks(turns, system)) as chunks:
                async for chunk in chunks:
                    if text := answer.read(chunk):
                        yield Piece(text)
            yield answer.finish()
        except APIError as error:
            raise self.refusal(error.code or 500, error.message or "") from None
        except UnknownApiResponseError as error:
            raise LLMError("invalid_response", detail=str(error)[:300]) from None
        except httpx2.TransportError as error:
            raise LLMError("unavailable", detail=f"{type(error).__name__}: {error}") from None

    async def _chunks(self, turns: Sequence[Turn], system: str) -> AsyncGenerator["GenerateContentResponse", None]:
        """The answer's chunks as the SDK reads them; closes the connection whenever it is left."""
        from google.genai import types

        responses: list[httpx2.Response] = []
        _responses.set(responses)
        try:
            chunks = await self._client.aio.models.generate_content_stream(
                model=self.model,
                contents=[types.Content(role=turn.role, parts=[types.Part(text=turn.text)]) for turn in turns],
                config=types.GenerateContentConfig(
                    system_instruction=system or None,
                    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
                    automatic_continuation=False,  # it would send requests of its own in mid-answer
                ),
            )
            async for chunk in chunks:
                yield chunk
        finally:
            # The SDK's generators close theirs only when the garbage collector comes by.
            for response in responses:
                await response.aclose()

    @cached_property
    def _client(self) -> "Client":
        """The SDK's client. It gets no timeout: the deadlines of the base class hold, whatever waits below them."""
        import httpx2
        from google.genai import Client, types

        options = types.HttpOptions(
            base_url=self.options.BASE_URL or None,
            retry_options=types.HttpRetryOptions(attempts=1),
            async_client_args={
                "limits": httpx2.Limits(max_connections=None),
                "event_hooks": {"response": [_remember]},
            },
        )
        return Client(vertexai=False, api_key=self.options.API_KEY.get_secret_value(), http_options=options)


async def _remember(response: "httpx2.Response") -> None:
    """Notes the response to the request that is being made in this context."""
    _responses.get().append(response)
