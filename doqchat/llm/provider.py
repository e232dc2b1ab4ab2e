"""What the backends share that ask a provider over HTTP: a key, an address, clients, refusals, how answers end."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from doqchat.llm.answers import Finish, FinishReason, LLMError
from doqchat.llm.base import LLM, LLMOptions


class ProviderOptions(LLMOptions):
    """BASE_URL is the API's address; empty for the provider's own."""

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

    Each event loop has an SDK client of its own, as connections belong to a loop.
    """

    options_model = ProviderOptions
    options: ProviderOptions
    key_setting: ClassVar[str]

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(alias, options)
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._making = Lock()

    async def prepare(self) -> None:
        """Make the client, unless its key is missing: an SDK may look for one elsewhere then."""
        if not self.options.missing():
            with suppress(Exception):  # a request meets it again, and says so
                await self._client()

    @abstractmethod
    def _make_client(self) -> Any:
        """A client, with all of the SDK loaded that a request needs. Called in a thread."""

    async def _client(self) -> Any:
        """The running event loop's client, made in a thread: importing an SDK takes most of a second."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            await asyncio.to_thread(self._add_client, loop)
        return self._clients[loop]

    def _add_client(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._making:
            if loop not in self._clients:
                for closed in [other for other in self._clients if other.is_closed()]:
                    del self._clients[closed]
                self._clients[loop] = self._make_client()

    def refusal(self, status: int, message: str) -> LLMError:
        """The error for an HTTP status other than 200; `message` is what the provider wrote."""
        summary = f"{status} {' '.join(message.split())}"
        if status == 429:
            return LLMError("rate_limited", detail=summary)
        if status == 408 or status >= 500:
            return LLMError("unavailable", detail=summary)
        if message.lstrip().startswith("<"):
            return LLMError("invalid_response", detail=f"a page instead of JSON: {summary}")
        if status in (401, 403) or "api key" in message.lower():
            return LLMError("not_configured", detail=f"the provider refuses the key in {self.key_setting}: {summary}")
        if status == 404:
            what = f"the provider has no model {self.model!r}, or BASE_URL is not its API's address"
            return LLMError("not_configured", detail=f"{what}: {summary}")
        return LLMError("failed", detail=summary)


class Answer:
    """What is known of one answer after the chunks read so far.

    `has_begun` says whether any of them had a candidate, as Gemini calls it, or a choice, as OpenAI does.
    `finish_reasons` says what the provider's finish reasons mean; one that is not among them is a failure.
    """

    finish_reasons: ClassVar[Mapping[str, FinishReason]]

    def __init__(self, model: str) -> None:
        self.model = model
        self.has_begun = False
        self.finish_reason = ""
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None

    def finish(self) -> Finish:
        """How the answer ended.

        Raises LLMError: `no_answer` when it has not begun, `unfinished` when it has no finish reason, `failed` when
        the model gave up for a reason of its own.
        """
        if not self.has_begun:
            raise LLMError("no_answer", detail="the answer has no candidates")
        if not self.finish_reason:
            raise LLMError("unfinished", detail="the answer ended without a finish reason")
        if self.finish_reason not in self.finish_reasons:
            raise LLMError("failed", detail=f"the model stopped: {self.finish_reason}")
        return Finish(self.finish_reasons[self.finish_reason], self.model, self.input_tokens, self.output_tokens)
