"""The sessions of a signed-in user."""

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest

from chat.models import AuditRecord
from doqchat.access.authorization import subject_of
from doqchat.access.signed_in import user_of
from doqchat.conf import doqchat_settings


async def joined_by_user(request: HttpRequest, most: int) -> list[str]:
    """The sids of the sessions that the signed-in user has joined, according to the audit trail; the latest first.

    The user may have lost access to them since.

    Args:
        request: it has the cookie of the login.
        most: the maximum number of sids.
    """
    login = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not login or doqchat_settings().authorize is None:
        return []
    user = await sync_to_async(user_of)(login)
    if user is None:
        return []
    joins = AuditRecord.objects.filter(subject=subject_of(user.pk), action=AuditRecord.Action.JOINED)
    latest = joins.order_by().values("sid").annotate(latest=Max("pk")).order_by("-latest")
    return [sid async for sid in latest.values_list("sid", flat=True)[:most]]
