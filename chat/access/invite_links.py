"""New invites with their links, and stored invites without, as the HTTP API and the home page show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Schema

from chat.access import invites
from chat.access.invites import NewInvite
from chat.models import Invite
from doqchat.conf import access_mode
from doqchat.protocol.names import MemberRole


class InviteState(Schema):
    """An invite to a session."""

    id: int | None = Field(description="`null` with open access, which needs no invites.")
    role: MemberRole
    name: str | None = Field(description="The display name of its members.")
    uses_left: int | None = Field(description="How often the link can still be used; `null` for any number.")
    expires_at: datetime | None = Field(description="When the link expires; `null` for never.")
    revoked: bool


class InviteLink(InviteState):
    """A new invite with its link, which is not shown again."""

    url: str


async def links_to(request: HttpRequest, sid: str, wanted: Sequence[NewInvite]) -> list[InviteLink]:
    """Create invites, and return their links below the site's address; with open access, links to the room."""
    if access_mode() == "open":
        room = request.build_absolute_uri(reverse("doqchat:room", args=[sid]))
        unlimited = {"id": None, "uses_left": None, "expires_at": None, "revoked": False}
        return [
            InviteLink.model_validate(
                {**unlimited, "role": each.role, "name": each.name, "url": f"{room}?role={each.role}"}
            )
            for each in wanted
        ]
    return [
        InviteLink(
            url=request.build_absolute_uri(reverse("doqchat:invite", args=[secret])), **state_of(invite).model_dump()
        )
        for invite, secret in await invites.create(sid, wanted)
    ]


def state_of(invite: Invite) -> InviteState:
    """A stored invite."""
    return InviteState(
        id=invite.pk,
        role=cast(MemberRole, invite.role),
        name=invite.name or None,
        uses_left=invite.uses_left,
        expires_at=invite.expires_at,
        revoked=invite.revoked_at is not None,
    )
