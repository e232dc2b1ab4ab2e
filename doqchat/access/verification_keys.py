"""Keys for verifying tokens. Each key has a fixed algorithm, which a token cannot choose."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.utils import base64url_encode
from pydantic_core import from_json

SHORTEST_KEY = 32
"""Minimum length of an HS256 key in bytes (RFC 7518, 3.2)."""

SHORTEST_RSA_KEY = 2048
"""Minimum length of an RS256 key in bits (RFC 7518, 3.3)."""

PUBLIC = ("RS256", "EdDSA")
"""The algorithms of public keys."""


def check_token_key(secret: str) -> str:
    """The key, if it is one for HS256; raises ValueError for one that is too short, or is a public key."""
    if len(secret.encode()) < SHORTEST_KEY:
        raise ValueError(f"a token key has {SHORTEST_KEY} bytes or more")
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except jwt.InvalidKeyError:
        raise ValueError("a token key is a shared secret, not a public key") from None
    return secret


def shared_key(secret: str) -> jwt.PyJWK:
    """An HS256 key."""
    return jwt.PyJWK({"kty": "oct", "k": base64url_encode(secret.encode()).decode()}, "HS256")


def public_keys(text: str) -> list[jwt.PyJWK]:
    """The usable keys of a JWK Set (RFC 7517); others are ignored.

    Raises ValueError if there is none.
    """
    document = from_json(text)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("it is not a JWK Set")
    found = [key for entry in entries if (key := _public_key(entry)) is not None]
    if not found:
        raise ValueError(f"it has no key for {' or '.join(PUBLIC)}")
    return found


def _public_key(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    with suppress(jwt.PyJWTError, ValueError, TypeError):
        key = jwt.PyJWK(entry)
        is_strong = not isinstance(key.key, RSAPublicKey) or key.key.key_size >= SHORTEST_RSA_KEY
        if key.algorithm_name in PUBLIC and is_strong and not hasattr(key.key, "sign"):
            return key
    return None


def kept_secret(file: Path) -> str:
    """The secret stored in a file that only its owner can read; generated on first use.

    Raises:
        OSError: the file can neither be read nor created.
        ValueError: it contains no secret.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        # Linked when complete, so that processes that start at the same time all get the first secret.
        with NamedTemporaryFile("w", dir=file.parent, encoding="ascii") as complete:
            complete.write(secrets.token_urlsafe(50))
            complete.flush()
            with suppress(FileExistsError):
                os.link(complete.name, file)
    secret = file.read_text(encoding="utf-8").strip()
    if not secret:
        raise ValueError(f"{file} is empty")
    return secret
