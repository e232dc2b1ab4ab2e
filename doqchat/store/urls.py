"""Validates URLs of Redis and Valkey servers, because redis-py ignores invalid parts."""

from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import ConnectionPool

EXPECTED = (
    "redis://HOST:PORT/NUMBER, rediss://HOST:PORT/NUMBER or unix:///PATH; in a password write # as %23, / as %2F, "
    ": as %3A, ? as %3F, @ as %40 and a comma as %2C"
)


def check_store_url(url: str) -> str:
    """Return the URL. Raises ValueError if it is invalid or a part of it would be ignored."""
    try:
        _check(url)
    except Exception:  # redis-py raises many types, and its messages may contain the password
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
    ConnectionPool.from_url(url).make_connection()  # rejects unknown options, does not connect


def _require(fact: object) -> None:
    if not fact:
        raise ValueError("not the address of a server")
