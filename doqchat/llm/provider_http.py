"""HTTP clients for providers: no redirects, and a limit on error responses."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

from doqchat.llm.answers import LLMError

if TYPE_CHECKING:
    from httpx2 import AsyncByteStream, AsyncClient, Response

LONGEST_REFUSAL = 64 * 1024
"""Maximum number of bytes read of an error response."""


Refuse = Callable[[int, Mapping[str, str], bytes], LLMError]
"""Builds the error from the HTTP status, headers and (truncated) body of a refusal."""


def client(refuse: Refuse, *hooks: Callable[["Response"], Awaitable[None]]) -> "AsyncClient":
    """An HTTP client for one provider; `hooks` get each successful response before its body is read.

    Its requests raise the error that `refuse` builds, and those of `check_head`. It does not follow redirects, which
    would send the API key and the conversation to another address. It has no timeouts, because the base class has.
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
    """Check the status and headers of a response; `headers` are case-insensitive, `url` is the requested URL.

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
    """The host and port of a redirect's target; the rest of the URL may contain the key."""
    try:
        return urlsplit(urljoin(url, location)).netloc.rpartition("@")[2]
    except ValueError:
        return "an invalid address"


async def _check(refuse: Refuse, response: "Response") -> None:
    """Raises the error for an unsuccessful response."""
    check_head(response.status_code, response.headers, str(response.url))
    if not response.is_success:
        stream, body = cast("AsyncByteStream", response.stream), bytearray()
        async for part in stream:
            body += part
            if len(body) >= LONGEST_REFUSAL:
                break
        await stream.aclose()
        raise refuse(response.status_code, response.headers, bytes(body[:LONGEST_REFUSAL]))
