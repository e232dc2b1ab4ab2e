"""Who sends and reads: what a handshake or an HTTP call has shown, and what it allows."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from doqchat.errors import Forbidden, RoleForbidden
from doqchat.protocol.frames import Frame
from doqchat.protocol.names import DEFAULT_ROLE, MemberRole

Capability = Literal["read", "send", "ask", "cancel", "configure", "moderate"]
"""What may be done in a session: reading it; sending what others see; asking the model; cancelling replies; changing
the session's settings; removing messages and muting roles."""

CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

OPEN_ACCESS: frozenset[Capability] = frozenset({"read", "send", "ask", "cancel", "configure"})


@dataclass(frozen=True, slots=True)
class Principal:
    """One person or program in one session.

    Attributes:
        sid: the session.
        role: who it speaks as, or `observer`.
        can: what it may do.
        name: what it is called, None where nothing says so.
        verified: whether a credential proves role and name: then frames cannot claim others.
        subject: who it is to the issuer of its token, None where that is not said.
        token_id: the name of its token.
        issued, expires: when its token began and ends, in seconds since 1970.
    """

    sid: str
    role: MemberRole
    can: frozenset[Capability]
    name: str | None = None
    verified: bool = True
    subject: str | None = None
    token_id: str | None = field(default=None, compare=False)
    issued: float | None = field(default=None, compare=False)
    expires: float | None = field(default=None, compare=False)

    def require(self, capability: Capability) -> None:
        """Raises Forbidden without this capability."""
        if capability not in self.can:
            raise Forbidden(f"This needs the capability {capability}, which your access does not include.")

    def authorize(self, frame: Frame, capability: Capability) -> None:
        """Check that a frame may be sent, and stamp it with the role and name of its sender.

        Raises:
            Forbidden: it needs a capability that is missing.
            RoleForbidden: it names another role than the credential does.
        """
        self.require(capability)
        if not frame.role:
            frame.role = self.role
        elif self.verified and frame.role != self.role:
            raise RoleForbidden(f"Your access is for the role {self.role} alone; leave hd.role out.", field="hd.role")
        if self.verified:
            frame.hd.pop("name", None)
            if self.name is not None:
                frame.hd["name"] = self.name


def open_access(sid: str, role: MemberRole = DEFAULT_ROLE) -> Principal:
    """Everybody who knows the name of a session, in open access: each frame says who speaks, `role` where it does not.

    Args:
        sid: the session.
        role: A, B or user.
    """
    return Principal(sid, role, OPEN_ACCESS, verified=False)
