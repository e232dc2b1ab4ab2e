"""The public keys of another token issuer, loaded from a file or URL and reloaded when they change."""

import asyncio
import logging
from contextvars import Context
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import jwt
from pydantic_core import to_json

from doqchat.access.verification_keys import public_keys
from doqchat.errors import Unavailable

log = logging.getLogger(__name__)

LIFESPAN_SECONDS = 300.0
"""Interval of reloads."""

COOLDOWN_SECONDS = 30.0
"""Minimum interval of reloads for tokens with an unknown `kid`."""

FETCH_SECONDS = 5.0


class PublishedKeys:
    """Loads the keys on first use, reloads them periodically and for an unknown `kid`.

    If a reload fails, the last keys remain in use.

    Args:
        source: the path or URL of a JWK Set.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[jwt.PyJWK] = []
        self._began = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def for_kid(self, kid: str | None) -> list[jwt.PyJWK]:
        """The candidate keys for a token.

        Args:
            kid: the key id in the token's header; None for any key.

        Raises:
            Unavailable: the keys have never been loaded.
        """
        found = self._named(kid)
        age = monotonic() - self._began
        if self._reading is None and age > (LIFESPAN_SECONDS if found else COOLDOWN_SECONDS):
            self._began = monotonic()
            self._reading = asyncio.create_task(self._read(), context=Context())
        if not found and self._reading is not None:
            await asyncio.shield(self._reading)
            found = self._named(kid)
        if not self._keys:
            raise Unavailable("The token keys cannot be loaded; try again in a moment.")
        return found

    def _named(self, kid: str | None) -> list[jwt.PyJWK]:
        return [key for key in self._keys if kid is None or key.key_id in (None, kid)]

    async def _read(self) -> None:
        try:
            self._keys = await asyncio.to_thread(read_keys, self._source)
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.error("The keys in DOQCHAT_TOKEN_JWKS cannot be loaded: %s", error)
        finally:
            self._reading = None


def check_source(source: str) -> str:
    """Returns the source; raises ValueError for a URL that is neither https nor on this machine."""
    parts = urlsplit(source)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        return source
    if "://" in source:
        raise ValueError("a URL of keys is https://…, or http://… on this machine")
    return source


def is_url(source: str) -> bool:
    """Whether the source is a URL; otherwise it is the path of a file."""
    return "://" in source


def read_keys(source: str) -> list[jwt.PyJWK]:
    """Load the keys of a file or URL; redirects are not followed.

    Raises:
        OSError, PyJWTError: loading failed.
        ValueError: there is no usable key.
    """
    if not is_url(source):
        return public_keys(Path(source).read_text(encoding="utf-8"))
    client = jwt.PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_SECONDS)
    return public_keys(to_json(client.fetch_data()).decode())
