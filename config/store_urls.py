"""Whether a URL leads to a Redis or Valkey server. redis-py ignores the parts that it does not understand."""

from urllib.parse import parse_qsl, urlsplit

from redis.asyncio import ConnectionPool


def check_store_url(url: str) -> None:
    """Raises an exception, of whatever kind, when no client can be made for the URL or a part of it has no meaning."""
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
    ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]  # refuses unknown options, does not connect


def _require(fact: object) -> None:
    if not fact:
        raise ValueError("not the address of a server")
