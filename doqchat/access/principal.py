"""Principals: the authenticated sender of a frame or an HTTP call, and its capabilities."""

from collections.abc import Collection
from dataclasses import dataclass, field

from doqchat.errors import Forbidden, RoleForbidden
from doqchat.protocol.frames import Frame, person_of
from doqchat.protocol.names import DEFAULT_ROLE, OBSERVER, Capability, MemberRole

OPEN_ACCESS: frozenset[Capability] = frozenset({"read", "send", "ask", "cancel", "configure"})
_SPEAKS: frozenset[Capability] = frozenset({"read", "send", "ask", "cancel"})
_WATCHES: frozenset[Capability] = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Principal:
    """One person or program in one session.

    Attributes:
        sid: the session.
        role: its role, or `observer`.
        can: its capabilities.
        name: its display name, if known.
        verified: whether a credential proves role and name, so that frames cannot claim others. If not, they are the
            role and name of frames that state none.
        subject, token_id: the claims `sub` and `jti` of its token, if any.
        login: the key of the Django session of a signed-in user; None for all others.
        browser: the value of a browser's cookie with open access; None for all others.
        address: the address whose limits it counts towards; None for no limits.
        issued, expires: the claims `iat` and `exp` of its token, in seconds since 1970.
    """

    sid: str
    role: MemberRole
    can: frozenset[Capability]
    name: str | None = None
    verified: bool = True
    subject: str | None = None
    address: str | None = field(default=None, compare=False)
    token_id: str | None = field(default=None, compare=False)
    issued: float | None = field(default=None, compare=False)
    expires: float | None = field(default=None, compare=False)
    login: str | None = field(default=None, compare=False, repr=False)
    browser: str | None = field(default=None, compare=False, repr=False)

    @property
    def person(self) -> str:
        """Who it is in all sessions, by the subject of the token or the address; empty if neither is known."""
        if self.subject:
            return f"subject:{self.subject}"
        return f"address:{self.address}" if self.address else ""

    @property
    def pseudonym(self) -> str | None:
        """Who it is in this session, see `person_of`; None without a subject and a browser."""
        if self.subject is not None:
            return person_of(self.sid, self.subject)
        return None if self.browser is None else person_of(self.sid, self.browser)

    def require(self, capability: Capability) -> None:
        """Raises Forbidden without this capability."""
        if capability not in self.can:
            raise _missing(capability)

    def authorize(self, frame: Frame, capability: Capability) -> None:
        """Check that the principal may send a frame, and set the frame's role, name and person to its own.

        Raises:
            Forbidden: the capability is missing.
            RoleForbidden: the frame names another role than the credential.
        """
        if capability not in self.can:
            raise _missing(capability)
        if not frame.role:
            frame.role = self.role
        elif self.verified and frame.role != self.role:
            raise RoleForbidden(f"Your access is for the role {self.role} alone; leave hd.role out.", field="hd.role")
        if self.verified or not frame.hd.get("name"):
            frame.hd.pop("name", None)
            if self.name is not None and frame.role == self.role:
                frame.hd["name"] = self.name
        if self.pseudonym is not None:
            frame.hd["person"] = self.pseudonym


def capabilities(role: MemberRole, can: Collection[Capability] | None) -> frozenset[Capability]:
    """The capabilities of a role, or the given ones in their place; raises ValueError if the role cannot have them."""
    if can is None:
        return _WATCHES if role == OBSERVER else _SPEAKS
    if role == OBSERVER and {"send", "ask"} & set(can):
        raise ValueError("can: an observer cannot send or ask")
    return frozenset(can)


def open_access(sid: str, role: MemberRole = DEFAULT_ROLE, browser: str | None = None) -> Principal:
    """The principal of everyone with open access; each frame may name its role.

    Args:
        sid: the session.
        role: the role of frames that name none: A, B or user.
        browser: the value of the browser's cookie.
    """
    return Principal(sid, role, OPEN_ACCESS, verified=False, browser=browser)


def _missing(capability: Capability) -> Forbidden:
    return Forbidden(f"This requires the capability {capability}, which your access does not include.")
