"""The handshake of a socket: its URL and subprotocols."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from pydantic import TypeAdapter, ValidationError

from chat.access.cookies import MEMBERSHIP, browser_in, cookies_in
from chat.access.credentials import refuse_token_in_url, tokens_of
from chat.access.origins import objection
from doqchat.access.authenticator import Authenticator
from doqchat.access.principal import Principal
from doqchat.errors import Forbidden, InvalidMessage, RoleForbidden
from doqchat.limits.addresses import address_of
from doqchat.protocol.frames import refusal
from doqchat.protocol.ids import parse_id
from doqchat.protocol.names import (
    BASIC,
    HUMAN_ROLES,
    MODEL_ROLE,
    OBSERVER,
    V1,
    DisplayName,
    MemberRole,
    Profile,
    is_sid,
)

_NAME: TypeAdapter[str] = TypeAdapter(DisplayName)


class ReservedRole(RoleForbidden):
    """The URL names the role of the model: it is malformed."""

    close_code = InvalidMessage.close_code


@dataclass(frozen=True, slots=True)
class Handshake:
    """A valid request to join a session; `since` is None for no replay."""

    principal: Principal
    profile: Profile
    since: str | None


def subprotocol_of(scope: dict[str, Any]) -> str | None:
    """The subprotocol to select in every response to this handshake, None if the client offers no known one.

    A browser fails a connection if none of its subprotocols is selected: its page sees 1006, without error or code.
    """
    return V1 if V1 in scope.get("subprotocols", ()) else None


async def read_handshake(scope: dict[str, Any], authenticator: Authenticator) -> Handshake:
    """Read the ASGI scope of a WebSocket, and authenticate its principal.

    Raises:
        InvalidMessage, ReservedRole: the URL is malformed.
        Forbidden: the page may not connect, there is a token in the URL, or the principal may not read.
        Unauthenticated, RoleForbidden, Unavailable: as Authenticator.principal.
    """
    if problem := objection(scope):
        raise Forbidden(problem)
    try:
        text = scope["query_string"].decode()
    except UnicodeDecodeError:
        text = ""
    refuse_token_in_url(text, scope.get("path", ""))
    query = parse_qs(text, keep_blank_values=True)
    sid = query.get("sid", [""])[0]
    if not is_sid(sid):
        raise InvalidMessage("Name the session in the URL: ?sid= and 1 to 64 letters, digits or _ . -", field="sid")
    role, since = _role(query), _since(query)
    cookies = cookies_in(scope)
    cookie, login = cookies.get(MEMBERSHIP + sid), cookies.get(settings.SESSION_COOKIE_NAME)
    principal = await authenticator.principal(sid, role, tokens_of(scope), cookie, login)
    principal.require("read")
    if not principal.verified:
        principal = replace(principal, name=_name(query), browser=browser_in(cookies))
    return Handshake(replace(principal, address=address_of(scope)), V1 if subprotocol_of(scope) else BASIC, since)


def _role(query: dict[str, list[str]]) -> MemberRole | None:
    role = query["role"][0] if "role" in query else None
    if role == MODEL_ROLE:
        raise ReservedRole("The role llm is reserved for the server; join as A, B or user.", field="role")
    if role not in (None, *HUMAN_ROLES, OBSERVER):
        raise InvalidMessage("role: join as A, B or user.", field="role")
    return role


def _name(query: dict[str, list[str]]) -> str | None:
    """The name of a person with open access; None for none."""
    try:
        return _NAME.validate_python(query["name"][0]) or None if "name" in query else None
    except ValidationError as error:
        raise refusal(error, "name") from None


def _since(query: dict[str, list[str]]) -> str | None:
    since = parse_id(query["since"][0]) if "since" in query else None
    if "since" in query and since is None:
        raise InvalidMessage("since: an event id such as 1700641234567-0, or 0.", field="since")
    return since
