"""Credentials of HTTP calls and sockets."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from doqchat.access.principal import Principal
from doqchat.access.tokens import LOOKS_LIKE_TOKEN
from doqchat.engine import engine
from doqchat.errors import Forbidden
from doqchat.limits.addresses import address_of
from doqchat.limits.clients import Call
from doqchat.sessions import check_sid
from doqchat.store.revocations import Revoked

log = logging.getLogger(__name__)

BEARER = "bearer."
"""The prefix of the subprotocol that carries a token."""

_NAMES = {"token", "access_token", "auth_token", "id_token", "jwt", "bearer", "authorization"}


async def principal_of(request: HttpRequest, sid: str, kind: Call = "other") -> Principal:
    """The principal of an HTTP call for a session. The call is counted first.

    Args:
        request: the call.
        sid: the session.
        kind: the kind of call whose rate limit it counts towards.

    Raises:
        RateLimited: the address makes too many calls.
        InvalidMessage: the sid is invalid.
        Unauthenticated, Forbidden, Unavailable: as Authenticator.principal; or there is a token in the URL, or it is
            revoked.
    """
    address = count_call(request, kind)
    check_sid(sid)
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    tokens = list(_bearers([request.headers.get("Authorization", "")]))
    principal = await engine().authenticator.principal(sid, None, tokens)
    if principal.verified:
        Revoked(await engine().revocations.of(sid)).check(principal)
    return replace(principal, address=address)


def count_call(request: HttpRequest, kind: Call) -> str | None:
    """Count an HTTP call and return the address that it counts towards; raises RateLimited."""
    address = address_of(getattr(request, "scope", {}))
    engine().clients.call(address, kind)
    return address


def tokens_of(scope: dict[str, Any]) -> list[str]:
    """The tokens of a WebSocket handshake: in subprotocols and in the header Authorization."""
    offered = [name[len(BEARER) :] for name in scope.get("subprotocols", ()) if name.startswith(BEARER)]
    headers = (value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization")
    return [*offered, *_bearers(headers)]


def refuse_token_in_url(query: str, path: str) -> None:
    """Raises Forbidden for a query with a token: proxies log URLs, browsers store them and send them as referrer."""
    parameters = parse_qsl(query, keep_blank_values=True)
    if any(name.lower() in _NAMES or LOOKS_LIKE_TOKEN.search(f"{name} {value}") for name, value in parameters):
        log.warning(
            "A request to %s was refused: it has a token in its URL, where logs and other sites can see it.", path
        )
        where = "the header Authorization: Bearer or the subprotocol bearer.TOKEN"
        raise Forbidden(f"A token must not be in the URL; send a new one in {where}.")


def _bearers(headers: Iterable[str]) -> Iterator[str]:
    """The tokens in Authorization headers; Django joins repeated headers with commas."""
    for header in headers:
        for credential in header.split(","):
            scheme, _, token = credential.strip().partition(" ")
            if scheme.lower() == "bearer" and token:
                yield token.strip()
