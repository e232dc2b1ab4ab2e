"""Serialises what one server has of the sessions, and restores it."""

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import redis
from msgpack import packb

from doqchat.store import keys
from doqchat.store.script import load

TIMEOUT = 60.0
"""Timeout of a command in seconds."""

AT_ONCE = 500

_DUMP = load("dump", "session", "replies")
_SESSION = re.compile(rb"^(?:chat:session:([\w.-]+)|\{chat:session:([\w.-]+)\}:(.*))$")
_SITE = (b"llm:", b"{llm:", keys.SESSIONS.encode())
"""Prefixes of the keys that do not belong to a session."""

_OMITTED = {name.encode() for name in (keys.SWEEPER, keys.ARCHIVER, keys.GAUGES)}


class Dumped(NamedTuple):
    """A key: its name, the time in ms at which it expires or -1, and the payload of DUMP."""

    key: bytes
    expires: int
    payload: bytes


def client_of(url: str) -> "redis.Redis":
    """A client for this module."""
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT)


def dump(client: "redis.Redis") -> Iterator[list[Dumped]]:
    """All keys of the server, those of a session together and at one moment.

    Sessions that begin meanwhile are omitted. Raises redis.RedisError.
    """
    since_ms = time.time_ns() // 1_000_000 - 60_000  # clocks may differ
    claims: defaultdict[str, list[str]] = defaultdict(list)
    others: list[bytes] = []
    for key in client.scan_iter(count=AT_ONCE):
        if found := _SESSION.match(key):
            sid = (found[1] or found[2]).decode()
            own = claims[sid]
            if found[3] is not None and found[3].startswith(b"msg:"):
                own.append(key.decode())
        elif key.startswith(_SITE) and key not in _OMITTED:
            others.append(key)
    for sid, known in claims.items():
        given = packb({"claims": known, "since_ms": since_ms})
        rows: Any = client.eval(_DUMP.text, 1, keys.stream(sid), given)
        yield [Dumped(*row) for row in rows]
    for first in range(0, len(others), AT_ONCE):
        batch = client.pipeline(transaction=True)
        for key in others[first : first + AT_ONCE]:
            batch.execute_command("PEXPIRETIME", key)
            batch.execute_command("DUMP", key)
        answers = batch.execute()
        rows = zip(others[first:], answers[::2], answers[1::2], strict=False)
        yield [Dumped(key, expires, payload) for key, expires, payload in rows if payload is not None]


def has_sessions(client: "redis.Redis") -> bool:
    """Whether the server has a session."""
    return any(_SESSION.match(key) for key in client.scan_iter(count=AT_ONCE))


def restore(client: "redis.Redis", dumped: Iterable[Dumped]) -> None:
    """Write keys; those that exist are replaced, those that have expired are skipped. Raises redis.RedisError."""
    now = time.time_ns() // 1_000_000
    batch = client.pipeline(transaction=False)
    for key, expires, payload in dumped:
        if expires < 0 or expires > now:
            batch.restore(key, max(expires, 0), payload, replace=True, absttl=expires > 0)
    batch.execute()
