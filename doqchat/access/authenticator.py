"""From credentials to a principal: the one place that decides who may enter a session."""

from collections.abc import Sequence
from typing import Literal

from doqchat.access.keys import PUBLIC, shared_key
from doqchat.access.principal import Principal, open_access
from doqchat.access.published_keys import PublishedKeys
from doqchat.access.tokens import header_of, verify
from doqchat.errors import Forbidden, InvalidMessage, RoleForbidden, Unauthenticated
from doqchat.protocol.names import DEFAULT_ROLE, OBSERVER, MemberRole

Access = Literal["open", "token"]


class Authenticator:
    """Finds out whose credentials somebody has.

    Args:
        access: whether everybody may enter who knows a session's name, or holders of tokens alone.
        key: the key of tokens signed by HS256; None takes none.
        published: a file or URL with the public keys of another issuer; None takes none of its tokens.
    """

    def __init__(self, access: Access, key: str | None = None, published: str | None = None) -> None:
        self.access = access
        self._shared = [] if key is None else [shared_key(key)]
        self._published = None if published is None else PublishedKeys(published)

    async def principal(self, sid: str, role: MemberRole | None, tokens: Sequence[str]) -> Principal:
        """Who somebody is in a session.

        Args:
            sid: the session that they name.
            role: the role that they name; None where they name none.
            tokens: their credentials. In open access they do not matter.

        Raises:
            Unauthenticated: there is no token, or one that is not valid.
            Forbidden: it is for another session, or several tokens disagree.
            RoleForbidden: it is for another role.
            InvalidMessage: nobody observes in open access.
            Unavailable: the keys cannot be read.
        """
        if self.access == "open":
            if role == OBSERVER:
                raise InvalidMessage("role: join as A, B or user.", field="role")
            return open_access(sid, role or DEFAULT_ROLE)
        if not tokens:
            raise Unauthenticated("Access requires a token; see docs/en/access.md.")
        principal, *others = [await self._holder(token) for token in dict.fromkeys(tokens)]
        if any(other != principal for other in others):
            raise Forbidden("The credentials disagree; send one.")
        if principal.sid != sid:
            raise Forbidden("The token is for another session.", field="sid")
        if role not in (None, principal.role):
            raise RoleForbidden(f"The token is for the role {principal.role}.", field="role")
        return principal

    async def _holder(self, token: str) -> Principal:
        algorithm, kid = header_of(token)
        if self._published is None or algorithm not in PUBLIC:
            return verify(token, self._shared).principal()
        return verify(token, await self._published.for_kid(kid)).principal()
