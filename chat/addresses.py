"""Addresses of the site: of its start page, of its socket, of rooms."""

from django.urls import reverse

from doqchat.conf import doqchat_settings
from doqchat.protocol.names import SOCKET_PATH


def own_address() -> str:
    """The URL of the site's start page, as this machine reaches it."""
    doqchat = doqchat_settings()
    return doqchat.address or f"http://localhost:{doqchat.port}{reverse('doqchat:home')}"


def socket_path() -> str:
    """The path of the socket's URL, relative to the site."""
    return reverse("doqchat:home") + SOCKET_PATH


def room_address(sid: str, role: str) -> str:
    """The URL of a session's room, with the role of its reader."""
    return f"{reverse('doqchat:room', args=[sid])}?role={role}"
