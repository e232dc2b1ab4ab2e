"""Limits on the clients of one process: sockets, new sessions, HTTP calls and requests to the models."""

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from doqchat.errors import RateLimited
from doqchat.limits.connection import ConnectionLimits
from doqchat.limits.rate import Buckets, Rate

if TYPE_CHECKING:
    from doqchat.access.principal import Principal
    from doqchat.conf import LimitSettings

FULL_SECONDS = 10
"""`retry_after` when there are too many connections, whose end is unknown."""

Call = Literal["history", "search", "export", "page", "other"]
"""Kinds of HTTP calls; each has its own rate."""

_SITE = ""


class ClientLimits:
    """Counts what the clients of this process do.

    An address of None has no limits of its own: see doqchat/limits/addresses.py.

    Args:
        settings: the limits.
    """

    def __init__(self, settings: "LimitSettings") -> None:
        self._most = settings
        self._messages, self._characters = _rate(settings.connection_messages), _rate(settings.connection_characters)
        self._sockets: Counter[str] = Counter()
        self._open = 0
        self._handshakes = Buckets(_rate(settings.address_handshakes))
        self._new_sessions = Buckets(_rate(settings.address_sessions))
        self._calls: dict[Call, Buckets] = {
            "history": Buckets(_rate(settings.address_history)),
            "search": Buckets(_rate(settings.address_searches)),
            "export": Buckets(_rate(settings.address_exports)),
            "page": Buckets(_rate(settings.address_pages)),
            "other": Buckets(_rate(settings.address_calls)),
        }
        self._by_address = Buckets(_rate(settings.address_requests))
        self._by_person = Buckets(_rate(settings.person_requests))
        self._by_site = Buckets(_rate(settings.site_requests))

    def connection(self) -> ConnectionLimits:
        """The limits of a new connection."""
        return ConnectionLimits(self._messages, self._characters)

    def open_socket(self, address: str | None) -> None:
        """Count a handshake and an open socket. Every call that raises nothing requires one of `close_socket`.

        Raises:
            RateLimited: the address has too many handshakes or sockets, or the process too many sockets.
        """
        if address is not None:
            _allow(self._handshakes.take(address), "Too many connection attempts from this address")
            _not_full(self._sockets[address], self._most.address_connections, "from this address")
        _not_full(self._open, self._most.process_connections, "to this server")
        self._open += 1
        if address is not None:
            self._sockets[address] += 1

    def close_socket(self, address: str | None) -> None:
        """An open socket has ended."""
        self._open -= 1
        if address is not None:
            self._sockets[address] -= 1
            if not self._sockets[address]:
                del self._sockets[address]

    def join(self, members: int) -> None:
        """Raises RateLimited if a session has too many connections in this process.

        Args:
            members: its connections, with the new one.
        """
        _not_full(members - 1, self._most.session_connections, "to this session")

    def new_session(self, address: str | None) -> None:
        """Count a session that begins; raises RateLimited."""
        if address is not None:
            _allow(self._new_sessions.take(address), "Too many new sessions from this address")

    def call(self, address: str | None, kind: Call) -> None:
        """Count an HTTP call; raises RateLimited."""
        if address is not None:
            _allow(self._calls[kind].take(address), "Too many calls from this address")

    def request(self, principal: "Principal") -> None:
        """Count a request to a model; raises RateLimited.

        A person is the subject of a token, in whichever session.
        """
        if principal.subject is not None:
            _allow(self._by_person.take(principal.subject), "You have sent too many requests", "person_requests")
        if principal.address is not None:
            _allow(self._by_address.take(principal.address), "Too many requests from this address", "address_requests")
        _allow(self._by_site.take(_SITE), "The assistant is busy", "site_requests")

    def automatic_reply(self, person: str) -> None:
        """Count an automatic reply as a request of the person whose message it answers; raises RateLimited.

        Args:
            person: see Principal.person.
        """
        kind, _, who = person.partition(":")
        if kind == "subject":
            _allow(self._by_person.take(who), "Too many requests of one person", "person_requests")
        elif kind == "address":
            _allow(self._by_address.take(who), "Too many requests from one address", "address_requests")
        _allow(self._by_site.take(_SITE), "The assistant is busy", "site_requests")


def _rate(most: int | None) -> Rate | None:
    return None if most is None else Rate(most)


def _allow(wait: float, problem: str, limit: str = "") -> None:
    if wait:
        seconds = math.ceil(wait)
        raise RateLimited(f"{problem}; retry in {seconds} s.", retry_after=seconds, limit=limit)


def _not_full(count: int, most: int | None, where: str) -> None:
    if most is not None and count >= most:
        problem = f"Too many connections {where} (limit {most})"
        raise RateLimited(f"{problem}; retry in {FULL_SECONDS} s.", retry_after=FULL_SECONDS)
