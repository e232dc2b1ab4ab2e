"""Clients that present a token."""

import time
from collections.abc import Callable

import jwt

from benchmarks.clients import Client

KEY = "a key for the benchmarks alone, of 32 bytes or more"


def bearer(session: int, subject: str) -> dict[str, str]:
    """The header with a token for the role A in a session of the benchmarks."""
    claims = {"sid": f"bench-{session}", "role": "A", "sub": subject, "exp": int(time.time()) + 3600}
    return {"Authorization": f"Bearer {jwt.encode(claims, KEY, algorithm='HS256')}"}


class TokenClient(Client):
    """A member with the role A, whichever role the frames name."""

    def __init__(self, session: int, on_text: Callable[[Client, bytes], None]) -> None:
        super().__init__(session, on_text)
        self.headers = bearer(session, f"u-{id(self)}")

    def send(self, text: bytes) -> None:
        super().send(text.replace(b'"role": "B"', b'"role": "A"', 1))
