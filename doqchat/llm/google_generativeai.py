"""Gemini through google-generativeai, the SDK that came before google-genai. Legacy: its support has ended.

Its asynchronous calls cannot use REST, so each answer is read by a thread. The SDK sends the request; the response is
taken from it and read here, since it drops errors in mid-stream and does not know which parts are thoughts. What the
package's GenerativeModel adds is left aside: it is configured once for the whole process, holds each piece back until
the next one has come, and joins all that was said so far again with every piece.
"""

import asyncio
from codecs import iterdecode
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import local
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pydantic import Field

from doqchat.llm.base import LLMError, Turn
from doqchat.llm.gemini import Chunk, Gemini, GeminiAnswerParser
from doqchat.llm.json_objects import objects
from doqchat.llm.provider import Event, ProviderOptions
from doqchat.llm.provider_http import LONGEST_REFUSAL, check_head
from doqchat.llm.thread_queue import ThreadQueue

if TYPE_CHECKING:
    from requests import Response

    from doqchat.llm.interruption import Interruption


class GoogleGenerativeAIOptions(ProviderOptions):
    """THREADS answers are read at the same time; further requests wait for one to end, and no deadline runs yet."""

    THREADS: int = Field(default=64, ge=1)


class GoogleGenerativeAI(Gemini):
    """A Gemini model, read over synchronous REST by a separate thread pool."""

    options_model = GoogleGenerativeAIOptions
    options: GoogleGenerativeAIOptions

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._threads = ThreadPoolExecutor(self.options.THREADS, thread_name_prefix=f"llm-{alias}")
        self._taken = local()
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def _place(self) -> asyncio.Semaphore:
        """One of the threads; an event loop counts those that it uses."""
        return self._free.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.options.THREADS))

    async def _ask(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        client = await self._client()
        from doqchat.llm.interruption import Interruption

        interruption = Interruption()
        queue = ThreadQueue(interruption)
        reading = self._threads.submit(self._listen, client, turns, system, interruption, queue)
        try:
            async for event in self._read(queue.events(), _Answer(self.model), Chunk):
                yield event
        finally:
            reading.cancel()
            queue.close()

    def _listen(
        self, client: Any, turns: Sequence[Turn], system: str, interruption: "Interruption", queue: ThreadQueue
    ) -> None:
        """In a thread: passes on each object of the answer as it arrives, and the error that ended it."""
        from doqchat.llm.interruption import read

        try:
            with interruption, closing(self._send(client, turns, system)) as response:
                for text in objects(iterdecode(read(response), "utf-8-sig", errors="replace")):
                    queue.put(text)
            queue.end()
        except Exception as error:
            queue.end(_meaning(error))

    def _send(self, client: Any, turns: Sequence[Turn], system: str) -> "Response":
        """Sends the request; the response is taken from the SDK, as the module says."""
        patience = max(self.options.FIRST_PIECE_SECONDS, self.options.IDLE_SECONDS) + 1
        self._taken.response = None
        client.stream_generate_content(self._request(turns, system), retry=None, timeout=patience)
        response: Response | None = self._taken.response
        if response is None:
            raise LLMError("failed", detail="google-generativeai did not send the request through its session")
        return response

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

    async def _close_client(self, client: Any) -> None:
        client.transport.close()

    def _check(self, response: "Response", **_options: Any) -> None:
        """Takes the response. Raises LLMError for a redirect, which `requests` would follow, and for a refusal.

        The SDK fails over the list in which the API wraps errors of a stream, and reads them whatever their size.
        """
        try:
            check_head(response.status_code, response.headers, response.url)
            if response.status_code >= 400:
                raise self._refuse(response.status_code, response.headers, response.raw.read(LONGEST_REFUSAL))
        except Exception:
            response.close()
            raise
        self._taken.response = response


class _Answer(GeminiAnswerParser):
    """Its enums are numbers, as the SDK asks the API for them."""

    def read(self, chunk: Chunk) -> str:
        from google.ai.generativelanguage import Candidate, GenerateContentResponse

        for candidate in chunk.candidates or ():
            candidate.finish_reason = _named(Candidate.FinishReason, candidate.finish_reason)
        if feedback := chunk.prompt_feedback:
            feedback.block_reason = _named(GenerateContentResponse.PromptFeedback.BlockReason, feedback.block_reason)
        return super().read(chunk)


def _named(kind: Any, value: Any) -> Any:
    """The name of an enum's number; other values, and numbers that the SDK does not know, as they are."""
    return kind(value).name if value in list(kind) else value


def _meaning(error: Exception) -> Exception:
    """The error as an LLMError, where it is one that the provider or the way to it can cause."""
    from google.auth.exceptions import TransportError
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    if isinstance(error, (RequestException, TransportError, HTTPError)):
        return LLMError("unavailable", detail=f"{type(error).__name__}: {error}")
    return error
