"""Limit on the connections of one peer, whatever it does with them."""

import logging
from collections import Counter
from functools import cache
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from doqchat.conf import doqchat_settings
from doqchat.limits.addresses import network
from doqchat.limits.rate import Rate

log = logging.getLogger(__name__)

BESIDE_SOCKETS = 2
"""A peer may have this many times as many connections as sockets: HTTP calls, and handshakes that get an error."""

FULL = "There are too many connections from this address; close some."

REFUSED_SECONDS = 5.0
"""How long a refused connection is not read before it is closed: its peer would reconnect at once. It holds for as many
connections as are served; further ones are closed at once."""

LOGGED = Rate(1, 60)


class Peers:
    """The open connections of this process, by the address of the peer. Trusted proxies are not counted.

    Args:
        most: maximum number of connections of an address; None for no limit.
        proxies: the addresses and networks of trusted proxies; `*` for any.
    """

    def __init__(self, most: int | None, proxies: list[str]) -> None:
        self._most = most
        self._proxies = ProxyHeadersMiddleware(cast(Any, None), proxies).trusted_hosts
        self._connections: Counter[str] = Counter()
        self._logged = 0.0

    def connected(self, peer: str) -> float | None:
        """Count a connection; either way it requires a call of `disconnected`.

        Returns:
            None if it is to be served, or the seconds after which it is to be refused.
        """
        address = network(peer)
        if self._most is None or not address or address in self._proxies:
            return None
        self._connections[address] += 1
        if self._connections[address] <= self._most:
            return None
        self._log(address)
        return REFUSED_SECONDS if self._connections[address] <= 2 * self._most else 0.0

    def disconnected(self, peer: str) -> None:
        """A connection has ended."""
        address = network(peer)
        if address in self._connections:
            self._connections[address] -= 1
            if not self._connections[address]:
                del self._connections[address]

    def _log(self, address: str) -> None:
        self._logged, wait = LOGGED.take(self._logged)
        if not wait:
            log.warning(
                "Connections from %s are refused: it has more than %d. If it is a proxy, add it to "
                "FORWARDED_ALLOW_IPS; otherwise see ADDRESS_CONNECTIONS in DOQCHAT_LIMITS.",
                address,
                self._most,
            )


@cache
def peers() -> Peers:
    """The peers of this process."""
    doqchat = doqchat_settings()
    sockets = doqchat.limits.address_connections
    return Peers(None if sockets is None else BESIDE_SOCKETS * sockets, doqchat.proxies)
