"""Signatures of Standard Webhooks: HMAC-SHA256 of the id, the time and the body.

The database has only a seed of each secret: the secret is derived from it and from SECRET_KEY, so that a copy of the
database is not enough to forge webhooks.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable

from django.utils.crypto import salted_hmac

PREFIX = "whsec_"
SEED_BYTES = 32
FEWEST_BYTES, MOST_BYTES = 24, 64
"""Size of a secret. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""


def new_seed() -> str:
    """A random seed of a secret."""
    return secrets.token_urlsafe(SEED_BYTES)


def secret_of(seed: str) -> str:
    """The secret with this seed. A seed that is a secret itself was stored by an older version."""
    if seed.startswith(PREFIX):
        return seed
    key = salted_hmac("doqchat.webhooks", seed, algorithm="sha256").digest()
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret; raises ValueError if it is invalid."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"A secret begins with {PREFIX}.")
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"A secret has {FEWEST_BYTES} to {MOST_BYTES} bytes.")
    return key


def headers(keys: Iterable[str], message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers of a webhook.

    Args:
        keys: the secrets, one or, while they are rotated, two; each makes a signature.
        message_id: the same for all attempts; without a full stop.
        seconds: the time of this attempt, in seconds since 1970.
        body: the body as it is sent.
    """
    signed = f"{message_id}.{seconds}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key_of(key), signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
