"""Validates URLs of servers, and creates redis-py clients with explicit timeouts and without retries.

redis-py's defaults differ between `Redis()` and `from_url`, and its default retry stores an XADD twice when the first
response is lost. Callers retry the commands that are idempotent.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool, ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

COMMAND_TIMEOUT = 2.0
"""Timeout of a command in seconds, including connecting; then its caller gets `unavailable`."""

CONNECT_TIMEOUT = 1.5
"""Timeout of connecting in seconds: shorter, so that the log can say which timeout it was."""

CONNECTIONS = 32
"""Connections per client; when all are in use, a command waits up to COMMAND_TIMEOUT for one."""

EXPECTED_URL = (
    "redis://HOST:PORT/NUMBER, rediss://HOST:PORT/NUMBER or unix:///PATH; in a password write # as %23, / as %2F, "
    ": as %3A, ? as %3F, @ as %40 and a comma as %2C"
)


def check_store_url(url: str) -> str:
    """Return the URL. Raises ValueError if it is invalid or redis-py would ignore a part of it."""
    try:
        _check(url)
    except Exception:  # redis-py raises many types, and its messages may contain the password
        raise ValueError(f"a store's URL must be {EXPECTED_URL}") from None
    return url


def _check(url: str) -> None:
    parts = urlsplit(url)
    if parts.fragment or any(character.isspace() for character in url):
        raise ValueError("a character that has to be percent-encoded")
    if parts.query:
        parse_qsl(parts.query, strict_parsing=True)
    if parts.scheme == "unix":
        _require(parts.path)
    else:
        _require(parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0)
        _require(parts.path in ("", "/") or (parts.path[1:].isascii() and parts.path[1:].isdecimal()))
    ConnectionPool.from_url(url).make_connection()  # rejects unknown options, does not connect


def _require(fact: object) -> None:
    if not fact:
        raise ValueError("not the address of a server")


def database(url: str) -> int:
    """The database number of a URL. Raises ValueError if it is not the URL of a server."""
    return int(parse_url(url).get("db", 0))


def place(url: str) -> str:
    """The address in a store's URL, without credentials."""
    parts = parse_url(url)
    return str(parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}")


class Client(Redis):
    """A client that bounds its commands itself.

    redis-py's own timeout uses `asyncio.wait_for`, which up to Python 3.11 swallows a cancellation that arrives when
    its future is done: a loop of commands would not end. https://github.com/python/cpython/issues/86296
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command; raises redis-py's errors, OSError, and TimeoutError after COMMAND_TIMEOUT."""
        async with asyncio.timeout(COMMAND_TIMEOUT):
            return await super().execute_command(*args, **options)


def pool(url: str, *, decode: bool = True) -> ConnectionPool:
    """A pool of connections to one server, whose users bound their reads.

    Args:
        url: the server, such as `redis://127.0.0.1:6390/0`.
        decode: whether responses are decoded to text.
    """
    # redis-py raises an error for this option on Unix sockets instead of ignoring it.
    keepalive = {} if url.startswith("unix://") else {"socket_keepalive": True}
    return BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=COMMAND_TIMEOUT,
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT,
        **keepalive,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        decode_responses=decode,
        encoding_errors="replace",
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def commands(url: str) -> Redis:
    """A client for commands that do not block."""
    return Client.from_pool(pool(url))


def bare_connection(url: str, *, decode: bool = True) -> AbstractConnection:
    """One connection outside of a pool, for pipelines and subscriptions."""
    connection: AbstractConnection = pool(url, decode=decode).make_connection()
    return connection


def pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """The pairs of a flat response `[field, value, field, value, …]`."""
    return zip(flat[::2], flat[1::2], strict=True)
