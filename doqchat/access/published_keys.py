"""The public keys of another issuer of tokens, in a file or at a URL, which may change at any time."""

import asyncio
import logging
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import jwt
from pydantic_core import to_json

from doqchat.access.keys import public_keys
from doqchat.errors import Unavailable

log = logging.getLogger(__name__)

LIFESPAN_SECONDS = 300.0
"""How long the keys are used before they are read again."""

COOLDOWN_SECONDS = 30.0
"""How long a token with an unknown `kid` does not make the keys be read again."""

FETCH_SECONDS = 5.0


class PublishedKeys:
    """Reads the keys when they are first needed, when they are old, and for a `kid` that is not among them.

    Where they cannot be read, those that were read last remain.

    Args:
        source: the path of a file with a JWK Set, or its URL.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[jwt.PyJWK] = []
        self._began = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def for_kid(self, kid: str | None) -> list[jwt.PyJWK]:
        """The keys that a token may be signed with.

        Args:
            kid: the key's id in the token's header; None for any.

        Raises:
            Unavailable: the keys have never been read.
        """
        found = self._named(kid)
        age = monotonic() - self._began
        if self._reading is None and age > (LIFESPAN_SECONDS if found else COOLDOWN_SECONDS):
            self._began = monotonic()
            self._reading = asyncio.create_task(self._read())
        if not found and self._reading is not None:
            await asyncio.shield(self._reading)
            found = self._named(kid)
        if not self._keys:
            raise Unavailable("The keys for tokens cannot be read now; try again in a moment.")
        return found

    def _named(self, kid: str | None) -> list[jwt.PyJWK]:
        return [key for key in self._keys if kid is None or key.key_id in (None, kid)]

    async def _read(self) -> None:
        try:
            self._keys = await asyncio.to_thread(read_keys, self._source)
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.error("The keys in DOQCHAT_TOKEN_JWKS cannot be read: %s", error)
        finally:
            self._reading = None


def check_source(source: str) -> str:
    """The source, if keys can be read there at all: raises ValueError for a URL that others could answer."""
    parts = urlsplit(source)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        return source
    if "://" in source:
        raise ValueError("a URL of keys is https://…, or http://… on this machine")
    return source


def is_url(source: str) -> bool:
    """Whether keys are fetched; otherwise the source is the path of a file."""
    return "://" in source


def read_keys(source: str) -> list[jwt.PyJWK]:
    """The keys of a file or URL, now; redirects are not followed.

    Raises:
        OSError, PyJWTError: it cannot be read.
        ValueError: there is no key in it.
    """
    if not is_url(source):
        return public_keys(Path(source).read_text(encoding="utf-8"))
    client = jwt.PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_SECONDS)
    return public_keys(to_json(client.fetch_data()).decode())
