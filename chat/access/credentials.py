"""Credentials of HTTP calls and sockets."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest

from chat.access.cookies import MEMBERSHIP, browser_in
from chat.access.origins import objection
from chat.audit_batches import batches
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

_NAMES = {"api_key", "apikey", "token", "access_token", "auth_token", "id_token", "jwt", "bearer", "authorization"}


async def principal_of(request: HttpRequest, sid: str, kind: Call = "other") -> Principal:
    """The principal of an HTTP call for a session. The call is counted first.

    Args:
        request: the call.
        sid: the session.
        kind: the kind of call whose rate limit it counts towards.

    Raises:
        RateLimited: the address makes too many calls.
        InvalidMessage: the sid is invalid.
        Unauthenticated, Forbidden, Unavailable: as Authenticator.principal; or there is a token in the URL, it is
            revoked, or a page of another site makes the call with a cookie.
    """
    return await authenticated(request, sid, count_call(request, kind))


async def authenticated(request: HttpRequest, sid: str, address: str | None = None) -> Principal:
    """The principal of an HTTP call that is already counted; raises as `principal_of`, except RateLimited.

    Args:
        request: the call.
        sid: the session.
        address: the address that its limits count towards.
    """
    principal = await credential_holder(request, sid, address)
    await engine().stream.keep(sid)
    if principal.verified:
        await _refuse_revoked(principal)
    return principal


async def credential_holder(request: HttpRequest, sid: str, address: str | None = None) -> Principal:
    """As `authenticated`, without checking whether the access is revoked; the session may have left the store."""
    check_sid(sid)
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    tokens, cookie = credentials_of(request), request.COOKIES.get(MEMBERSHIP + sid)
    login = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    found = await engine().authenticator.principal(sid, None, tokens, cookie, login)
    principal = replace(found, address=address, browser=None if found.verified else browser_in(request.COOKIES))
    if principal.verified and not tokens:
        refuse_foreign_page(request)
    return principal


async def _refuse_revoked(principal: Principal) -> None:
    """Raises Forbidden if the principal's access is revoked."""
    try:
        Revoked(await engine().revocations.of(principal.sid)).check(principal)
    except Forbidden as problem:
        batches().refused(principal, problem)
        raise


def credentials_of(request: HttpRequest) -> list[str]:
    """The bearer credentials of an HTTP call."""
    return list(_bearers([request.headers.get("Authorization", "")]))


async def is_staff(request: HttpRequest, permission: str | None = None) -> bool:
    """Whether signed-in staff makes the request, with a permission if one is named."""
    user = await request.auser() if hasattr(request, "auser") else None
    if user is None or not (user.is_active and user.is_staff):
        return False
    return permission is None or bool(await user.ahas_perm(permission))


def refuse_foreign_page(request: HttpRequest) -> None:
    """Check the Origin of a call with a cookie, unless it changes nothing: any page can have a browser send it (CSRF).

    Raises Forbidden.
    """
    if request.method in ("GET", "HEAD"):
        return
    if problem := objection(getattr(request, "scope", {"headers": []}), required=True):
        raise Forbidden(problem)


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
