"""Who may create sessions and invites."""

from collections.abc import Collection

from django.http import HttpRequest

from chat.access import (
    authenticated,
    count_call,
    credentials_of,
    is_staff,
    refuse_foreign_page,
    refuse_token_in_url,
)
from chat.api_keys import require_scope
from chat.models import ApiKey
from chat.sids import new_sid
from doqchat.access.tokens import API_KEY_PREFIX
from doqchat.conf import access_mode
from doqchat.errors import Forbidden
from doqchat.sessions import check_sid


async def require_inviter(request: HttpRequest, sid: str | None) -> bool:
    """Count a call, and check that its principal may invite to the session; None for a new session.

    Returns whether it is a program with an API key. Raises as `principal_of`.
    """
    count_call(request, "other")
    if sid is not None:
        check_sid(sid)
    refuse_token_in_url(request.META.get("QUERY_STRING", ""), request.path)
    if access_mode() == "open":
        return False
    presented = set(credentials_of(request))
    if any(each.startswith(API_KEY_PREFIX) for each in presented):
        await _require_key(presented)
        return True
    if not presented and await is_staff(request):
        refuse_foreign_page(request)
        return False
    principal = await authenticated(request, sid or new_sid())
    if sid is None:
        raise Forbidden("Only staff and programs with an API key create sessions.")
    principal.require("moderate")
    return False


async def _require_key(presented: Collection[str]) -> None:
    if len(presented) > 1:
        raise Forbidden("The API key and another credential conflict; send only one.")
    (key,) = presented
    await require_scope(key, ApiKey.Scope.SESSIONS)
