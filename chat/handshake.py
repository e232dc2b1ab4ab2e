"""What a client asks for when it opens the socket: the URL, the subprotocols, the origin."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from doqchat.errors import DoqchatError, Forbidden, InvalidMessage, RoleForbidden
from doqchat.protocol.ids import parse_id
from doqchat.protocol.names import BASIC, DEFAULT_ROLE, HUMAN_ROLES, MODEL_ROLE, V1, Profile, Role, is_sid

MALFORMED = 4400
FORBIDDEN = 4403


class Refusal(Exception):
    """A connection that may not go on.

    Args:
        problem: what the client is told.
        close_code: the WebSocket close code that follows.
    """

    def __init__(self, problem: DoqchatError, close_code: int) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.close_code = close_code


@dataclass(frozen=True, slots=True)
class Handshake:
    """A valid request to join a session; `since` is None where nothing is to be replayed."""

    sid: str
    role: Role
    profile: Profile
    since: str | None


def read_handshake(scope: dict[str, Any]) -> Handshake:
    """Read the ASGI scope of a WebSocket; raises Refusal."""
    _check_origin(scope)
    try:
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        query = {}
    sid = query.get("sid", [""])[0]
    if not is_sid(sid):
        problem = "Name the session in the URL: ?sid= and 1 to 64 letters, digits or _ . -"
        raise Refusal(InvalidMessage(problem, field="sid"), MALFORMED)
    role = query.get("role", [DEFAULT_ROLE])[0]
    if role == MODEL_ROLE:
        raise Refusal(
            RoleForbidden("The role llm is the server's alone; join as A, B or user.", field="role"), MALFORMED
        )
    if role not in HUMAN_ROLES:
        raise Refusal(InvalidMessage("role: join as A, B or user.", field="role"), MALFORMED)
    since = parse_id(query["since"][0]) if "since" in query else None
    if "since" in query and since is None:
        raise Refusal(InvalidMessage("since: an event id such as 1700641234567-0, or 0.", field="since"), MALFORMED)
    return Handshake(sid, cast(Role, role), V1 if V1 in scope.get("subprotocols", ()) else BASIC, since)


def _check_origin(scope: dict[str, Any]) -> None:
    """Refuse pages of foreign sites: a browser lets any page open a socket to any host, and says which it was."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    if not origins:
        return
    host = _host(origins[0].decode("latin-1"))
    if not validate_host(host, settings.ALLOWED_HOSTS):
        problem = f"Pages of {host or 'no site'} may not connect; name the host in ALLOWED_HOSTS."
        raise Refusal(Forbidden(problem), FORBIDDEN)


def _host(origin: str) -> str:
    """The host of an origin as ALLOWED_HOSTS writes it, an IPv6 address in brackets; empty where there is none."""
    try:
        return split_domain_port(urlsplit(origin).netloc)[0]
    except ValueError:
        return ""
