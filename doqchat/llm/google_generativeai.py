"""Gemini through google-generativeai, the SDK that came before google-genai. Legacy: its support has ended.

Its asynchronous calls cannot use REST, so each answer is read by a thread. What the package's GenerativeModel adds
is left aside: it is configured once for the whole process, holds each piece back until the next one has come, and
joins all that was said so far again with every piece.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pydantic import Field

from doqchat.llm.base import LLMError, Turn
from doqchat.llm.gemini import Gemini, GeminiAnswer
from doqchat.llm.provider import Event, ProviderOptions
from doqchat.llm.provider_http import LONGEST_REFUSAL, check_head

if TYPE_CHECKING:
    from requests import Response

    from doqchat.llm.interruption import Interruption


class GoogleGenerativeAIOptions(ProviderOptions):
    """THREADS answers are read at the same time; further requests wait for one to end, and no deadline runs yet."""

    THREADS: int = Field(default=64, ge=1)


class GoogleGenerativeAI(Gemini):
    """A Gemini model, read over synchronous REST by a pool of threads of its own."""

    options_model = GoogleGenerativeAIOptions
    options: GoogleGenerativeAIOptions

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._threads = ThreadPoolExecutor(self.options.THREADS, thread_name_prefix=f"llm-{alias}")
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def _place(self) -> asyncio.Semaphore:
        """One of the threads; an event loop counts those that it uses."""
        return self._free.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.options.THREADS))

    async def _ask(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        client = await self._client()
        from doqchat.llm.interruption import Interruption

        answer = GeminiAnswer(self.model)
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        interruption = Interruption()
        tell = partial(_tell, asyncio.get_running_loop(), arrived)
        reading = self._threads.submit(self._listen, client, turns, system, interruption, tell)
        try:
            while (chunk := await arrived.get()) is not None:
                if isinstance(chunk, Exception):
                    raise _meaning(chunk) from None
                for told in answer.take(chunk):
                    yield told
            yield answer.finish()
        finally:
            reading.cancel()
            interruption.interrupt()

    def _listen(
        self,
        client: Any,
        turns: Sequence[Turn],
        system: str,
        interruption: "Interruption",
        tell: Callable[[Any], None],
    ) -> None:
        """In a thread: tells each chunk of the answer as it arrives, then None, or the error that ended it."""
        patience = max(self.options.FIRST_PIECE_SECONDS, self.options.IDLE_SECONDS) + 1
        try:
            with interruption:
                request = self._request(turns, system)
                chunks = client.stream_generate_content(request, retry=None, timeout=patience)
                try:
                    for chunk in chunks:
                        tell(chunk)
                finally:
                    chunks.cancel()
            tell(None)
        except Exception as error:
            tell(error)

    def _request(self, turns: Sequence[Turn], system: str) -> Any:
        from google.generativeai import protos

        def content(role: str, text: str) -> Any:
            return protos.Content(role=role, parts=[protos.Part(text=text)])

        return protos.GenerateContentRequest(
            model=self.model if "/" in self.model else f"models/{self.model}",
            contents=[content(turn.role, turn.text) for turn in turns],
            system_instruction=content("user", system) if system else None,
        )

    def _make_client(self) -> Any:
        """The SDK's REST client. An address that begins with http:// is used as it stands."""
        from google.ai.generativelanguage import GenerativeServiceClient
        from google.generativeai import protos  # noqa: F401  a request is made of them

        from doqchat.llm.interruption import make_interruptible

        options = {"api_key": self.options.API_KEY.get_secret_value()}
        if self.options.BASE_URL:
            options["api_endpoint"] = self.options.BASE_URL.rstrip("/")
        client: Any = GenerativeServiceClient(transport="rest", client_options=options)
        session = client.transport._session
        make_interruptible(session, self.options.THREADS)
        session.headers["Accept-Encoding"] = "identity"
        session.hooks["response"].append(self._check)
        return client

    def _check(self, response: "Response", **_options: Any) -> None:
        """Raises LLMError for a redirect, which `requests` would follow, and for a refusal.

        The SDK fails over the list in which the API wraps errors of a stream, and reads them whatever their size.
        """
        try:
            check_head(response.status_code, response.headers, response.url)
            if response.status_code >= 400:
                raise self._refuse(response.status_code, response.headers, response.raw.read(LONGEST_REFUSAL))
        except Exception:
            response.close()
            raise


def _tell(loop: asyncio.AbstractEventLoop, arrived: "asyncio.Queue[Any]", item: Any) -> None:
    """Hands the item to the event loop, from another thread."""
    with suppress(RuntimeError):  # the loop was closed, nobody waits any more
        loop.call_soon_threadsafe(arrived.put_nowait, item)


def _meaning(error: Exception) -> Exception:
    """The error as an LLMError, where it is one that the provider or the way to it can cause."""
    from google.auth.exceptions import TransportError
    from google.protobuf.json_format import ParseError
    from requests import RequestException

    if isinstance(error, (RequestException, TransportError)):
        return LLMError("unavailable", detail=f"{type(error).__name__}: {error}")
    if isinstance(error, (ValueError, ParseError)):  # what the SDK raises for a body that is no list of objects
        return LLMError("invalid_response", detail=f"{type(error).__name__}: {error}")
    return error
