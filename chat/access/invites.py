"""Invites: created for a role of a session, exchanged for memberships, revoked.

A membership is a token in a cookie, so that connecting requires no query. Its `sub` names the invite, so that revoking
the invite revokes its memberships.
"""

from collections.abc import Sequence
from datetime import timedelta
from secrets import token_urlsafe
from typing import Annotated

from django.conf import settings
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chat.access.cookies import MEMBERSHIP, set_cookie
from chat.access.credentials import authenticated
from chat.models import Invite, digest_of
from doqchat.access.tokens import mint
from doqchat.conf import token_key
from doqchat.engine import engine
from doqchat.errors import Conflict, DoqchatError
from doqchat.protocol.names import DisplayName, MemberRole
from doqchat.store.revocations import by_subject

MEMBERSHIP_SECONDS = 30 * 24 * 3600
"""Lifetime of a membership."""

MOST_USES = 1_000_000
LONGEST_EXPIRY = 366 * 24 * 3600

MOST_INVITES = 1_000
"""Maximum invites per session, including used ones."""

MOST_COOKIES = 12
"""Maximum memberships of a browser: with more, its requests would exceed the size limit of headers."""

SECRET_BYTES = 32


class NewInvite(BaseModel):
    """An invite to create."""

    model_config = ConfigDict(strict=True, extra="forbid")

    role: MemberRole = Field(description="The role of its members.")
    name: Annotated[DisplayName, StringConstraints(min_length=1)] | None = Field(
        None, description="The display name of its members."
    )
    uses: Annotated[int, Field(ge=1, le=MOST_USES)] | None = Field(
        1, description="How many people can use the link: 1 if omitted, `null` for any number."
    )
    expires_in: Annotated[int, Field(ge=1, le=LONGEST_EXPIRY)] | None = Field(
        None, description="When the link expires, in seconds; never if omitted."
    )


async def create(sid: str, wanted: Sequence[NewInvite]) -> list[tuple[Invite, str]]:
    """Create invites to a session; returns each with its secret, which is not stored.

    Raises Conflict if the session has too many.
    """
    if await Invite.objects.filter(sid=sid).acount() + len(wanted) > MOST_INVITES:
        raise Conflict(f"A session is limited to {MOST_INVITES:,} invites; use another session.")
    return [await _create(sid, each) for each in wanted]


async def find(secret: str) -> Invite | None:
    """The invite with this secret, usable or not."""
    return await Invite.objects.filter(digest=digest_of(secret)).afirst()


async def is_usable(invite: Invite) -> bool:
    """Whether the invite can be exchanged now."""
    return await Invite.objects.filter(_usable(), pk=invite.pk).aexists()


async def exchange(invite: Invite) -> str | None:
    """Exchange an invite for the token of a membership; None if it is no longer usable.

    The token is issued before the use is counted, so that a later revocation covers it.
    """
    claims = {"sid": invite.sid, "role": invite.role, "sub": invite.subject}
    token = mint(token_key(), claims | ({"name": invite.name} if invite.name else {}), MEMBERSHIP_SECONDS)
    counted = await Invite.objects.filter(_usable(), pk=invite.pk).aupdate(uses_left=F("uses_left") - 1)
    return token if counted else None


async def revoke(invite: Invite) -> None:
    """Revoke an invite and its memberships. After an error, call it again.

    Raises Conflict, Unavailable: the memberships are not revoked.
    """
    await Invite.objects.filter(pk=invite.pk, revoked_at=None).aupdate(revoked_at=timezone.now())
    await engine().stream.keep(invite.sid)
    await engine().revocations.revoke(invite.sid, by_subject(invite.subject))


async def is_member(request: HttpRequest, invite: Invite) -> bool:
    """Whether the browser has a valid membership from this invite."""
    try:
        return (await authenticated(request, invite.sid)).subject == invite.subject
    except DoqchatError:
        return False


def keep_membership(request: HttpRequest, response: HttpResponseBase, sid: str, token: str) -> None:
    """Set the cookie of a membership, and delete the oldest beyond MOST_COOKIES.

    Browsers send the oldest first (RFC 6265, 5.4).
    """
    own = MEMBERSHIP + sid
    others = [name for name in request.COOKIES if name.startswith(MEMBERSHIP) and name != own]
    for name in others[: max(len(others) + 1 - MOST_COOKIES, 0)]:
        response.delete_cookie(name, path=settings.SESSION_COOKIE_PATH, samesite="Lax")
    set_cookie(response, own, token, MEMBERSHIP_SECONDS)


async def _create(sid: str, wanted: NewInvite) -> tuple[Invite, str]:
    secret = token_urlsafe(SECRET_BYTES)
    expires = None if wanted.expires_in is None else timezone.now() + timedelta(seconds=wanted.expires_in)
    invite = Invite(
        sid=sid,
        role=wanted.role,
        name=wanted.name or "",
        digest=digest_of(secret),
        expires_at=expires,
        uses_left=wanted.uses,
    )
    await invite.asave(force_insert=True)
    return invite, secret


def _usable() -> Q:
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return unexpired & (Q(uses_left=None) | Q(uses_left__gt=0)) & Q(revoked_at=None)
