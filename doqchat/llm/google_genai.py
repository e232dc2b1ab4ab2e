"""Gemini through google-genai, the current SDK: asynchronous, streamed, and closed as soon as the reader stops.

The SDK sends the request; the stream itself is taken from it and read here, as the documented server
sent events of streamGenerateContent. Read by the SDK, which parses each chunk twice, prunes it and validates all of its
fields, a chunk costs two to two and a half times as much: 200 answers at once would take a whole core. Besides, a
stream that is left would be closed only when the garbage collector comes by.
"""

from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from doqchat.llm import provider_http, server_sent_events
from doqchat.llm.base import LLMError, Turn
from doqchat.llm.gemini import Chunk, Gemini, GeminiAnswerParser
from doqchat.llm.provider import Event

if TYPE_CHECKING:
    from google.genai import Client
    from httpx2 import AsyncClient, Response

_taken: ContextVar[list["Response"]] = ContextVar("taken")


class GoogleGenAI(Gemini):
    """A Gemini model."""

    async def _ask(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        client: Client
        client, _http = await self._client()
        from google.genai.errors import UnknownApiResponseError
        from httpx2 import TransportError

        taken: list[Response] = []
        _taken.set(taken)
        try:
            await self._send(client, turns, system)
            if not taken:
                raise LLMError("failed", detail="google-genai did not send the request through the given HTTP client")
            async for event in self._read(server_sent_events.read(taken[0]), GeminiAnswerParser(self.model), Chunk):
                yield event
        except (UnknownApiResponseError, ValueError) as error:
            raise LLMError("invalid_response", detail=f"{type(error).__name__}: {error}") from None
        except TransportError as error:
            raise LLMError("unavailable", detail=f"{type(error).__name__}: {error}") from None
        finally:
            for response in taken:
                await response.aclose()

    async def _send(self, client: "Client", turns: Sequence[Turn], system: str) -> None:
        """Send the request. Raises the SDK's exception if it is refused; otherwise the response has been captured."""
        from google.genai import types

        chunks = await client.aio.models.generate_content_stream(
            model=self.model,
            contents=[types.Content(role=turn.role, parts=[types.Part(text=turn.text)]) for turn in turns],
            config=types.GenerateContentConfig(
                system_instruction=system or None,
                automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
                automatic_continuation=False,  # it would send additional requests
            ),
        )
        async for _nothing in chunks:
            pass

    def _make_client(self) -> "tuple[Client, AsyncClient]":
        """The client gets our HTTP client; otherwise it would create one that follows redirects, or use aiohttp."""
        from google.genai import Client, types

        http = provider_http.client(self._refuse, _take)
        options = types.HttpOptions(
            base_url=self.options.BASE_URL or None,
            retry_options=types.HttpRetryOptions(attempts=1),
            httpx_async_client=http,
        )
        return Client(vertexai=False, api_key=self.options.API_KEY.get_secret_value(), http_options=options), http

    async def _close_client(self, client: "tuple[Client, AsyncClient]") -> None:
        """The SDK leaves an HTTP client open that it was given."""
        _sdk, http = client
        await http.aclose()


async def _take(response: "Response") -> None:
    """Captures the response of a request in this context; the SDK gets an empty body."""
    from httpx2 import ByteStream, Response

    if response.is_success:
        _taken.get().append(
            Response(response.status_code, headers=response.headers, stream=response.stream, request=response.request)
        )
        response.stream = ByteStream(b"")
