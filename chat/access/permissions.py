"""Who may manage sessions over HTTP: staff, programs with an API key, and members with the capability."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest

from chat.access.api_keys import require_scope
from chat.access.credentials import (
    authenticated,
    count_call,
    credentials_of,
    is_staff,
    refuse_foreign_page,
    refuse_token_in_url,
)
from chat.audit import Actor
from chat.models import ApiKey
from chat.sids import new_sid
from doqchat.access.authorization import subject_of
from doqchat.access.principal import Principal
from doqchat.access.tokens import API_KEY_PREFIX
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import Forbidden, Unauthenticated
from doqchat.protocol.names import OBSERVER, Capability
from doqchat.sessions import check_sid

LONGEST_NAME = 40

_MANAGES: frozenset[Capability] = frozenset({"read", "configure", "moderate"})


@dataclass(frozen=True, slots=True)
class Manager:
    """Who makes a call that manages a session; members may lack the capability that it requires."""

    principal: Principal
    kind: Literal["staff", "program", "member"]


async def manager_of(request: HttpRequest, sid: str | None) -> Manager:
    """Count a call, and authenticate who makes it.

    Args:
        request: the call.
        sid: the session; None for a new one.

    Raises as `principal_of`.
    """
    address = count_call(request, "other")
    if sid is not None:
        check_sid(sid)
        await engine().stream.keep(sid)
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    presented = set(credentials_of(request))
    if any(each.startswith(API_KEY_PREFIX) for each in presented):
        subject = f"key:{(await _key(presented)).name}"
        return Manager(Principal(sid or "", OBSERVER, _MANAGES, subject=subject, address=address), "program")
    if not presented and await is_staff(request):
        refuse_foreign_page(request)
        return Manager(staff_principal(await request.auser(), sid or "", address), "staff")
    return Manager(await authenticated(request, sid or new_sid(), address), "member")


async def keeper_of(request: HttpRequest) -> Actor:
    """Who decides what is kept and erased: staff with the permission to erase, and programs with the scope `retention`.

    Raises as `manager_of`.
    """
    address = count_call(request, "other")
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    presented = set(credentials_of(request))
    if any(each.startswith(API_KEY_PREFIX) for each in presented):
        key = await _key(presented, ApiKey.Scope.RETENTION)
        return Actor(f"key:{key.name}", address=address)
    if presented or not await is_staff(request):
        raise Unauthenticated("This requires staff, or an API key with the scope retention.")
    refuse_foreign_page(request)
    user = await request.auser()
    if not await user.ahas_perm("doqchat.erase_chatsession"):
        raise Forbidden("This requires the permission to erase sessions.")
    return Actor.of(staff_principal(user, "", address))


async def inviter_of(request: HttpRequest, sid: str | None) -> Manager:
    """`manager_of`, if it may invite to the session or create one; with open access everyone may."""
    manager = await manager_of(request, sid)
    if access_mode() != "open":
        if sid is None and manager.kind == "member":
            raise Forbidden("Only staff and programs with an API key create sessions.")
        manager.principal.require("moderate")
    return manager


def staff_principal(user: Any, sid: str, address: str | None = None) -> Principal:
    """The principal of a member of the staff."""
    name = (user.get_full_name() or user.get_username())[:LONGEST_NAME]
    return Principal(sid, OBSERVER, _MANAGES, name, subject=subject_of(user.pk), address=address)


async def _key(presented: Collection[str], scope: ApiKey.Scope = ApiKey.Scope.SESSIONS) -> ApiKey:
    if len(presented) > 1:
        raise Forbidden("The API key and another credential conflict; send only one.")
    (secret,) = presented
    return await require_scope(secret, scope)
