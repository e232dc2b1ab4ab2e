"""Whether a URL leads to a Redis or Valkey server. redis-py ignores the parts that it does not understand."""

from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import ConnectionPool

EXPECTED = (
    "redis://HOST:PORT/NUMBER, rediss://HOST:PORT/NUMBER or unix:///PATH; in a password write # as %23, / as %2F, "
    ": as %3A, ? as %3F, @ as %40 and a comma as %2C"
)


def check_store_url(url: str) -> str:
    """The URL. Raises ValueError when no client can be made for it or a part of it has no meaning."""
    try:
        _check(url)
    except Exception:  # whatever redis-py raises, and without the URL: it may have a password
        raise ValueError(f"a store's URL must be {EXPECTED}") from None
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
    ConnectionPool.from_url(url).make_connection()  # refuses unknown options, does not connect


def _require(fact: object) -> None:
    if not fact:
        raise ValueError("not the address of a server")
