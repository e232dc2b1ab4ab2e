"""The base of backends that call a provider over HTTP: API key, URL, clients, and parsing of answers."""

import asyncio
import json
import logging
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from doqchat.llm import refusals
from doqchat.llm.answer_parser import AnswerParser, parsed
from doqchat.llm.answers import Finish, LLMError, Piece, SystemRoleRefused, Thought, Turn
from doqchat.llm.base import LLM, LLMOptions
from doqchat.llm.refusals import Refusal
from doqchat.llm.server_sent_events import END, ServerSentEvent
from doqchat.loop_end import at_loop_end

logger = logging.getLogger(__name__)

Event = Piece | Thought | Finish


class ProviderOptions(LLMOptions):
    """BASE_URL is the URL of the API; empty for the provider's default."""

    API_KEY: SecretStr = Field(default=SecretStr(""))
    BASE_URL: str = Field(default="", pattern=r"^(https?://\S+)?$")

    @field_validator("API_KEY")
    @classmethod
    def _fits_in_a_header(cls, key: SecretStr) -> SecretStr:
        if not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
            raise ValueError("a key has only printable ASCII characters")
        if key.get_secret_value() != key.get_secret_value().strip() != "":
            raise ValueError("a key has no spaces at its ends")
        return key

    @field_validator("BASE_URL")
    @classmethod
    def _has_a_host(cls, url: str) -> str:
        parts = urlsplit(url)  # raises ValueError, as `port` does for one that is no port
        if url and not (parts.hostname and parts.port != 0):
            raise ValueError("an address has a host, and a port from 1 to 65535 if any")
        return url

    def missing(self) -> list[str]:
        return [] if self.API_KEY.get_secret_value().strip() else ["API_KEY"]


class ProviderLLM(LLM):
    """A model of a provider. `key_setting` names the variable that holds its key.

    Each event loop has a separate SDK client, because connections belong to a loop; it is closed when the loop ends.
    """

    options_model = ProviderOptions
    options: ProviderOptions
    key_setting: ClassVar[str]

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._closing: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}
        self._making = Lock()
        self._takes_system = True

    async def prepare(self) -> None:
        """Create the client, unless its API key is missing: an SDK might then look for one elsewhere."""
        if not self.options.missing():
            with suppress(Exception):  # a request will raise it again
                await self._client()

    @abstractmethod
    def _make_client(self) -> Any:
        """Create a client and import everything that a request needs. Called in a thread."""

    @abstractmethod
    async def _close_client(self, client: Any) -> None:
        """Close a client's connections."""

    async def _client(self) -> Any:
        """The running event loop's client, created in a thread because importing an SDK takes almost a second."""
        loop = asyncio.get_running_loop()
        if loop not in self._closing:
            self._closing[loop] = at_loop_end(partial(self._drop_client, loop))
        if loop not in self._clients:
            await asyncio.to_thread(self._add_client, loop)
        return self._clients[loop]

    def _add_client(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._making:
            if loop not in self._clients:
                for closed in [other for other in list(self._closing) if other.is_closed()]:
                    self._clients.pop(closed, None)
                    self._closing.pop(closed, None)
                self._clients[loop] = self._make_client()

    async def _drop_client(self, loop: asyncio.AbstractEventLoop) -> None:
        self._closing.pop(loop, None)
        if client := self._clients.pop(loop, None):
            await self._close_client(client)

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        """One request, repeated if the model does not accept a system message."""
        if system and self._takes_system:
            try:
                async with aclosing(self._ask(turns, system)) as events:
                    async for event in events:
                        yield event
                return
            except SystemRoleRefused as error:
                logger.info(
                    "llms[%r] does not accept a system message; the instructions are moved into the first turn.",
                    self.alias,
                )
                logger.debug("llms[%r]: %s", self.alias, self._told(error))
                self._takes_system = False
        async with aclosing(self._ask(_with_instructions(turns, system), "")) as events:
            async for event in events:
                yield event

    @abstractmethod
    def _ask(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Event, None]:
        """One request, as `_open` of the base class describes it."""

    async def _read(
        self, told: AsyncIterable[ServerSentEvent], answer: AnswerParser, form: type[BaseModel]
    ) -> AsyncGenerator[Event, None]:
        """The answer that a provider streams as events, each a chunk of this model."""
        from httpx2 import TransportError

        unknown = ""
        try:
            async for event in told:
                for chunk in self._chunks(event, form):
                    for each in answer.take(chunk):
                        yield each
                    unknown = "" if chunk.is_known else event.data
            yield answer.finish()
        except TransportError as error:
            raise LLMError("unavailable", detail=f"{type(error).__name__}: {error}") from None
        except ValueError as error:
            raise LLMError("invalid_response", detail=f"{type(error).__name__}: {error}") from None
        except LLMError as error:
            if error.code in ("no_answer", "unfinished") and unknown:
                error.detail += f": {unknown}"
            raise

    def _chunks(self, event: ServerSentEvent, form: type[BaseModel]) -> Iterator[Any]:
        """The chunks in an event: one in each line where a server writes no empty lines between its events.

        Raises LLMError if the event is an error, ValueError if it is invalid.
        """
        chunk: Any = None
        with suppress(ValueError):
            chunk = form.model_validate_json(event.data)
        if chunk and chunk.is_known and event.name != "error":
            yield chunk
            return
        try:
            value = json.loads(event.data)
        except (ValueError, RecursionError):
            if "\n" in event.data:
                lines = [line for line in event.data.split("\n") if line.strip() not in ("", END)]
                for line in lines:
                    yield from self._chunks(event._replace(data=line), form)
                return
            value = event.data
        if event.name == "error":
            raise self._refusal(refusals.told(value) or Refusal(event.data))
        for each in value if value and isinstance(value, list) else [value]:
            yield self._chunk(each, form)

    def _chunk(self, value: Any, form: type[BaseModel]) -> Any:
        """A decoded chunk. Raises LLMError if it is an error or a sentence, ValueError if it is not a chunk."""
        if isinstance(value, str):
            raise LLMError(Refusal(value).code or "invalid_response", detail=f"an event that is no chunk: {value}")
        if refusal := refusals.told(value):
            raise self._refusal(refusal)
        return parsed(form, value)

    def _refuse(self, status: int, headers: Mapping[str, str], body: bytes) -> LLMError:
        """The error for a response with a status of 400 or above."""
        return self._refusal(refusals.of_response(status, headers, body))

    def _refusal(self, refusal: Refusal) -> LLMError:
        """The error for a provider's refusal."""
        summary = " ".join(f"{refusal.status or ''} {refusal.words}".split())
        if refusal.is_of_system_role:
            return SystemRoleRefused("failed", detail=summary)
        if code := refusal.code:
            return LLMError(code, detail=summary, retry_after=refusal.retry_after)
        if refusal.words.lstrip().startswith("<"):
            return LLMError("invalid_response", detail=f"a page instead of JSON: {summary}")
        if refusal.status in (401, 403) or "api key" in refusal.words.lower():
            return LLMError(
                "not_configured", detail=f"the provider rejects the API key in {self.key_setting}: {summary}"
            )
        if refusal.status == 404:
            what = f"the provider has no model {self.model!r}, or BASE_URL is not its API's address"
            return LLMError("not_configured", detail=f"{what}: {summary}")
        return LLMError("failed", detail=summary)


def _with_instructions(turns: Sequence[Turn], system: str) -> Sequence[Turn]:
    """The conversation with the instructions at the start of the first turn, which is the user's."""
    if not system:
        return turns
    first = turns[0]
    if first.role != "user":
        return [Turn("user", system), *turns]
    return [Turn("user", f"{system}\n\n{first.text}"), *turns[1:]]
