"""redis-py clients, made in one place: each use has its own timeouts, and nothing is silently sent twice.

redis-py's own defaults differ between `Redis()` and `from_url`, and its default retry stores an XADD twice when the
first answer is lost; a caller that may repeat a command does so itself.
"""

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool, ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

COMMAND_TIMEOUT = 2.0
"""Seconds that a command may take, connecting included, before its caller is told `unavailable`."""

CONNECTIONS = 32
"""Connections of one client; who comes when all are in use waits for one as long as a command may take."""


def database(url: str) -> int:
    """The number of the database that a URL selects. Raises ValueError for what is no URL of a server."""
    return int(parse_url(url).get("db", 0))


def place(url: str) -> str:
    """Where a store's URL points, without its credentials."""
    parts = parse_url(url)
    return str(parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}")


def pool(url: str, *, timeout: float | None, decode: bool = True, connections: int = CONNECTIONS) -> ConnectionPool:
    """A pool of connections to one server.

    Args:
        url: the server, such as `redis://127.0.0.1:6390/0`.
        timeout: seconds to wait for an answer; None for connections whose reads are bounded by their reader.
        decode: whether answers become text.
        connections: how many there may be.
    """
    # redis-py's connections to a Unix socket refuse the option instead of ignoring it.
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
    """A client for commands that answer at once."""
    return Redis.from_pool(pool(url, timeout=COMMAND_TIMEOUT))


def bare_connection(url: str, *, decode: bool = True) -> AbstractConnection:
    """One connection, to be driven by hand: for the pipeline of appends and for subscriptions."""
    connection: AbstractConnection = pool(url, timeout=None, decode=decode).make_connection()
    return connection
