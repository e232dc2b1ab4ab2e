"""How providers are asked over HTTP: at the configured address alone, and with a bound on what they answer."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from doqchat.llm.answers import LLMError

if TYPE_CHECKING:
    from httpx2 import AsyncByteStream, AsyncClient, Response

LONGEST_REFUSAL = 64 * 1024
"""Bytes that are read of the body of a response that is no answer."""


Refuse = Callable[[int, Mapping[str, str], bytes], LLMError]
"""Makes the error for a refusal: its HTTP status, headers and body, as much of it as is read."""


def client(refuse: Refuse, *hooks: Callable[["Response"], Awaitable[None]]) -> "AsyncClient":
    """An HTTP client for one provider; `hooks` get each response that may be an answer, before its body is read.

    Its requests raise what `refuse` makes of a refusal, and what `check_head` raises.
    It does not follow redirects, which would send the key and the conversation to another address. It has no timeouts:
    the deadlines of the base class hold.
    """
    from httpx2 import AsyncClient, Limits

    return AsyncClient(
        timeout=None,
        limits=Limits(max_connections=None),
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [partial(_check, refuse), *hooks]},
    )


def check_head(status: int, headers: Mapping[str, str], url: str) -> None:
    """See whether a response can be an answer or a refusal; `headers` are case-insensitive, `url` is what was asked.

    Raises:
        LLMError: `not_configured` for a redirect, `invalid_response` for a compressed body: a small one may be
            gigabytes long when it is unpacked, and was not asked for.
    """
    if 300 <= status < 400:
        where = _host(url, headers.get("location", ""))
        raise LLMError("not_configured", detail=f"the provider redirects ({status}) to {where}; correct BASE_URL")
    encoding = headers.get("content-encoding") or "identity"
    if encoding.strip().lower() != "identity":
        raise LLMError("invalid_response", detail=f"the response is compressed: {encoding}")


def _host(url: str, location: str) -> str:
    """The host and port that a redirect leads to; the rest of its address may repeat the key."""
    try:
        return urlsplit(urljoin(url, location)).netloc.rpartition("@")[2]
    except ValueError:
        return "an invalid address"


async def _check(refuse: Refuse, response: "Response") -> None:
    """Raises the error for a response that is no answer."""
    check_head(response.status_code, response.headers, str(response.url))
    if not response.is_success:
        stream, body = cast("AsyncByteStream", response.stream), bytearray()
        async for part in stream:
            body += part
            if len(body) >= LONGEST_REFUSAL:
                break
        await stream.aclose()
        raise refuse(response.status_code, response.headers, bytes(body[:LONGEST_REFUSAL]))
