"""Authentication: from credentials to a principal."""

from collections.abc import Sequence
from typing import Literal

from doqchat.access.authorization import Authorization
from doqchat.access.principal import Principal, open_access
from doqchat.access.published_keys import PublishedKeys
from doqchat.access.tokens import header_of, verify
from doqchat.access.verification_keys import PUBLIC, shared_key
from doqchat.errors import Forbidden, InvalidMessage, RoleForbidden, Unauthenticated
from doqchat.protocol.names import DEFAULT_ROLE, OBSERVER, MemberRole

AccessMode = Literal["open", "token"]


class Authenticator:
    """Authenticates principals.

    Args:
        access: `open` admits everyone who knows a session's name, `token` only holders of tokens.
        key: the HS256 key; None refuses HS256.
        published: a file or URL with the public keys of another issuer; None for no such issuer.
        authorize: the dotted path of the function that gives access to signed-in users; None for no such users.
    """

    def __init__(
        self, access: AccessMode, key: str | None = None, published: str | None = None, authorize: str | None = None
    ) -> None:
        self.access = access
        self._shared = [] if key is None else [shared_key(key)]
        self._published = None if published is None else PublishedKeys(published)
        self._authorization = None if authorize is None else Authorization(authorize)

    async def principal(
        self,
        sid: str,
        role: MemberRole | None,
        tokens: Sequence[str],
        cookie: str | None = None,
        login: str | None = None,
    ) -> Principal:
        """Authenticate a principal.

        Args:
            sid: the requested session.
            role: the requested role; None if none is requested.
            tokens: the tokens of the request; ignored with open access, as is the cookie.
            cookie: the token in the session's cookie, signed with the HS256 key. Browsers send it with every request,
                so an invalid one is ignored if there are other credentials.
            login: the key of the Django session of a user, who counts if there is no other valid credential.

        Raises:
            Unauthenticated: there is no token, or an invalid one.
            Forbidden: the token is for another session, several tokens conflict, or the user has no access.
            RoleForbidden: the token is for another role.
            InvalidMessage: open access has no observers.
            Unavailable: the keys cannot be loaded, or the user's access cannot be checked.
        """
        if self.access == "open":
            if role == OBSERVER:
                raise InvalidMessage("role: join as A, B or user.", field="role")
            return open_access(sid, role or DEFAULT_ROLE)
        try:
            principal, *others = await self._holders(tokens, cookie)
        except Unauthenticated:
            signed_in = None if tokens else await self._signed_in(sid, login)
            if signed_in is None:
                raise
            principal, others = signed_in, []
        if any(other != principal for other in others):
            raise Forbidden("The tokens conflict; send only one.")
        if principal.sid != sid:
            raise Forbidden("The token is for another session.", field="sid")
        if role not in (None, principal.role):
            raise RoleForbidden(f"Your access is for the role {principal.role}.", field="role")
        return principal

    async def sid_of(self, token: str) -> str:
        """The session of a token; raises Unauthenticated for an invalid one, and Unavailable."""
        return (await self._holder(token)).sid

    async def _signed_in(self, sid: str, login: str | None) -> Principal | None:
        if self._authorization is None or not login:
            return None
        return await self._authorization.principal(sid, login)

    async def _holders(self, tokens: Sequence[str], cookie: str | None) -> list[Principal]:
        if not tokens and cookie is None:
            raise Unauthenticated("Access requires a token; see docs/en/access.md.")
        holders = [await self._holder(token) for token in dict.fromkeys(tokens)]
        if cookie is not None:
            try:
                holders.append(verify(cookie, self._shared).principal())
            except Unauthenticated:
                if not holders:
                    raise
        return holders

    async def _holder(self, token: str) -> Principal:
        algorithm, kid = header_of(token)
        if self._published is None or algorithm not in PUBLIC:
            return verify(token, self._shared).principal()
        return verify(token, await self._published.for_kid(kid)).principal()
