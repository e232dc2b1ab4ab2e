"""The handshake of a socket: its URL and subprotocols."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs

from chat.origins import objection
from doqchat.access.principal import Principal, open_access
from doqchat.errors import Forbidden, InvalidMessage, RoleForbidden
from doqchat.protocol.ids import parse_id
from doqchat.protocol.names import BASIC, DEFAULT_ROLE, HUMAN_ROLES, MODEL_ROLE, V1, MemberRole, Profile, is_sid


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


def read_handshake(scope: dict[str, Any]) -> Handshake:
    """Read the ASGI scope of a WebSocket; raises InvalidMessage, RoleForbidden, Forbidden."""
    if problem := objection(scope):
        raise Forbidden(problem)
    try:
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        query = {}
    sid = query.get("sid", [""])[0]
    if not is_sid(sid):
        raise InvalidMessage("Name the session in the URL: ?sid= and 1 to 64 letters, digits or _ . -", field="sid")
    role = query.get("role", [DEFAULT_ROLE])[0]
    if role == MODEL_ROLE:
        raise ReservedRole("The role llm is reserved for the server; join as A, B or user.", field="role")
    if role not in HUMAN_ROLES:
        raise InvalidMessage("role: join as A, B or user.", field="role")
    since = parse_id(query["since"][0]) if "since" in query else None
    if "since" in query and since is None:
        raise InvalidMessage("since: an event id such as 1700641234567-0, or 0.", field="since")
    return Handshake(open_access(sid, cast(MemberRole, role)), V1 if subprotocol_of(scope) else BASIC, since)
