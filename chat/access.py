"""Who makes an HTTP call."""

from django.http import HttpRequest

from doqchat.access.principal import Principal, open_access
from doqchat.sessions import check_sid


def principal_of(request: HttpRequest, sid: str) -> Principal:
    """Who makes a call that concerns a session; raises InvalidMessage when the sid cannot name one."""
    check_sid(sid)
    return open_access(sid)
