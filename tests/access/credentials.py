"""Tokens of every kind, and the keys that they are signed with."""

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SHARED = "a key for the tests alone, as long as the longest algorithm asks for: 64 bytes"
RSA = generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()
FOREIGN = generate_private_key(public_exponent=65537, key_size=2048)
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_jwk(key: RSAPrivateKey | Ed25519PrivateKey, **fields: str) -> dict[str, Any]:
    """The public half of a key as a JSON Web Key."""
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, RSAPrivateKey) else jwt.algorithms.OKPAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), **fields}


JWKS = json.dumps({"keys": [public_jwk(RSA, kid="rsa"), public_jwk(ED25519, kid="ed")]})


def claims(sid: str, role: str = "A", /, **others: Any) -> dict[str, Any]:
    """What a token says that is valid for an hour; a claim that is None is left out."""
    now = int(time.time())
    said = {"sid": sid, "role": role, "sub": "u-1", "iat": now, "exp": now + 3600, **others}
    return {name: value for name, value in said.items() if value is not None}


def token(
    sid: str, role: str = "A", /, *, key: Any = SHARED, alg: str = "HS256", kid: str | None = None, **said: Any
) -> str:
    """A signed token."""
    return jwt.encode(claims(sid, role, **said), key, algorithm=alg, headers={"kid": kid} if kid else None)


def unsigned(sid: str) -> str:
    """A token with the algorithm `none`."""
    return jwt.encode(claims(sid), None, algorithm="none")


def confused(sid: str) -> str:
    """A token that is signed with a public key as if it were a shared one."""
    head, body = (_part(part) for part in ({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims(sid)))
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), PEM.encode()
    )
    return f"{head}.{body}.{_base64url(signature)}"


def tampered(sid: str) -> str:
    """A token for an observer that was made one for A."""
    head, _, signature = token(sid, "observer").split(".")
    return f"{head}.{_part(claims(sid, 'A'))}.{signature}"


def _part(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
