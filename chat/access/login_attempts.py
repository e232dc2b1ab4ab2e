"""Rate limit of logins: attempts are counted per address, per account and per known browser.

The counts are in the store, shared by all web processes; while it is unreachable each process counts separately. A
window begins with its first attempt and is not extended by refused attempts, so no account is locked for longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256

from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError

from doqchat.limits.addresses import network

WINDOW_SECONDS = 300
ATTEMPTS_OF_AN_ADDRESS = 10
ATTEMPTS_OF_AN_ACCOUNT = 5


class TooManyAttempts(Exception):
    """A login that is refused before its password is checked; another is allowed within WINDOW_SECONDS."""


@contextmanager
def attempt(account: str, address: str, browser: str) -> Iterator[None]:
    """A login attempt; if the block raises nothing, it has succeeded and is not counted.

    Args:
        account: the name of the account.
        address: the client's IP address; IPv6 addresses are counted by network.
        browser: the id of a browser that has logged in to this account before, or empty. It is counted separately, so
            that others cannot lock the owner out.

    Raises:
        TooManyAttempts
    """
    limits = {f"browser {browser}": ATTEMPTS_OF_AN_ACCOUNT} if browser else _limits(account, address)
    for what, limit in limits.items():  # an attempt refused for its address does not count for the account
        if _count(what, 1) > limit:
            raise TooManyAttempts
    yield
    for what in limits:
        _count(what, -1)


def _limits(account: str, address: str) -> dict[str, int]:
    return {f"address {network(address)}": ATTEMPTS_OF_AN_ADDRESS, f"account {account}": ATTEMPTS_OF_AN_ACCOUNT}


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
        counts.touch(key, WINDOW_SECONDS)  # incr has created a key without expiry if it expired in between
    return count
