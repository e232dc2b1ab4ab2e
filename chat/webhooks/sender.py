"""Sends one webhook: an HTTP request with a signature, and what its response means."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from httpcore2 import AsyncConnectionPool, NetworkError, ProtocolError, Response, TimeoutException, default_ssl_context

from chat.webhooks import signature, timing
from chat.webhooks.targets import CheckedBackend, check_url
from doqchat.llm.retry_after import seconds_in_headers

MOST_READ = 64 * 1024
"""Number of bytes that are read of a response. With more, its connection is not used again."""

IDLE_SECONDS = 30.0
MOST_IDLE = 100
"""How long connections stay open for the next webhook, and how many."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of an attempt.

    Attributes:
        status: the HTTP status; None without a response.
        error: why it has failed; empty if it was accepted.
        retry_after: the seconds that the response asks to wait; None if it does not.
    """

    status: int | None
    error: str = ""
    retry_after: float | None = None


class Sender:
    """Sends webhooks, with connections that it uses again. Redirects are not followed."""

    def __init__(self) -> None:
        self._pool = AsyncConnectionPool(
            ssl_context=default_ssl_context(),
            max_connections=None,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=CheckedBackend(),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: bytes) -> Answer:
        """Make one attempt."""
        signed = signature.headers(secrets, message_id, int(time.time()), body)
        headers = [("content-type", "application/json"), ("user-agent", "doqchat"), *signed.items()]
        answer: Answer | None = None
        try:
            check_url(url)
            async with (
                asyncio.timeout(timing.TIMEOUT_SECONDS),
                self._pool.stream("POST", url, headers=headers, content=body) as response,
            ):
                answer = _judge(response)
                await _drain(response)
        except (TimeoutError, TimeoutException):
            return answer or Answer(
                None, _("no response within %(seconds)s s") % {"seconds": f"{timing.TIMEOUT_SECONDS:g}"}
            )
        except (NetworkError, ProtocolError, OSError, ValueError) as error:
            return answer or Answer(None, str(error) or type(error).__name__)
        return answer


async def _drain(response: Response) -> None:
    """Read the body, so that the connection can be used again."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > MOST_READ:
            return


def _judge(response: Response) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    status = response.status
    if 200 <= status < 300:
        return Answer(status)
    reason = _("redirects are not followed") if 300 <= status < 400 else _("the endpoint has refused it")
    return Answer(status, f"HTTP {status}: {reason}", seconds_in_headers(headers))
