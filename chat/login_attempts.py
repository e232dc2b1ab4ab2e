"""How often somebody may try to log in: the attempts of an address, of an account and of a known browser are counted.

The counts are in the store, so that all web processes share them; while it is away each process counts its own. A
window begins with its first attempt and is not prolonged by what is refused: no account is locked for longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError

WINDOW_SECONDS = 300
ATTEMPTS_OF_AN_ADDRESS = 10
ATTEMPTS_OF_AN_ACCOUNT = 5


class TooManyAttempts(Exception):
    """A login that is refused before its password is looked at; within WINDOW_SECONDS another may be taken."""


@contextmanager
def attempt(account: str, address: str, browser: str) -> Iterator[None]:
    """An attempt to log in; one whose block raises nothing has succeeded, and does not count.

    Args:
        account: the name of the account.
        address: the client's IP address; of IPv6 the network counts.
        browser: the id of a browser that has logged in to this account before, or empty. Only its own attempts count,
            so that others who use up those of the account cannot lock its owner out.

    Raises:
        TooManyAttempts
    """
    limits = {f"browser {browser}": ATTEMPTS_OF_AN_ACCOUNT} if browser else _limits(account, address)
    for what, limit in limits.items():  # an address that is refused uses up nobody's account
        if _count(what, 1) > limit:
            raise TooManyAttempts
    yield
    for what in limits:
        _count(what, -1)


def _limits(account: str, address: str) -> dict[str, int]:
    return {f"address {_network(address)}": ATTEMPTS_OF_AN_ADDRESS, f"account {account}": ATTEMPTS_OF_AN_ACCOUNT}


def _network(address: str) -> str:
    """What one client can be expected to have all addresses of."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return str(ip)


def _count(what: str, change: int) -> int:
    """Change a count of the window and return it."""
    key = f"login:{sha256(what.encode()).hexdigest()}"
    try:
        return _counted(_cache("default"), key, change)
    except RedisError:
        return _counted(_cache("process"), key, change)


@cache
def _cache(alias: str) -> BaseCache:
    """A cache for the whole process; `caches[alias]` connects to the store again with each request."""
    return caches.create_connection(alias)


def _counted(counts: BaseCache, key: str, change: int) -> int:
    counts.add(key, 0, WINDOW_SECONDS)
    count = counts.incr(key, change)
    if count == change == 1:
        counts.touch(key, WINDOW_SECONDS)  # should it have expired in between, incr has made one that would not
    return count
