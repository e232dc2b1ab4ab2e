"""Creates redis-py clients with explicit timeouts and without retries.

redis-py's defaults differ between `Redis()` and `from_url`, and its default retry stores an XADD twice when the first
response is lost. Callers retry the commands that are idempotent.
"""

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool, ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

COMMAND_TIMEOUT = 2.0
"""Timeout of a command in seconds, including connecting; then its caller gets `unavailable`."""

CONNECTIONS = 32
"""Connections per client; when all are in use, a command waits up to COMMAND_TIMEOUT for one."""


def database(url: str) -> int:
    """The database number of a URL. Raises ValueError if it is not the URL of a server."""
    return int(parse_url(url).get("db", 0))


def place(url: str) -> str:
    """The address in a store's URL, without credentials."""
    parts = parse_url(url)
    return str(parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}")


def pool(url: str, *, timeout: float | None, decode: bool = True, connections: int = CONNECTIONS) -> ConnectionPool:
    """A pool of connections to one server.

    Args:
        url: the server, such as `redis://127.0.0.1:6390/0`.
        timeout: seconds to wait for a response; None if the caller bounds its reads.
        decode: whether responses are decoded to text.
        connections: maximum size of the pool.
    """
    # redis-py raises an error for this option on Unix sockets instead of ignoring it.
    keepalive = {} if url.startswith("unix://") else {"socket_keepalive": True}
    return BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=COMMAND_TIMEOUT,
        socket_timeout=timeout,
        socket_connect_timeout=COMMAND_TIMEOUT,
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
    return Redis.from_pool(pool(url, timeout=COMMAND_TIMEOUT))


def bare_connection(url: str, *, decode: bool = True) -> AbstractConnection:
    """One connection outside of a pool, for pipelines and subscriptions."""
    connection: AbstractConnection = pool(url, timeout=None, decode=decode).make_connection()
    return connection
