"""WebSocket routing. A project includes it under the path of the pages."""

from django.urls import path, reverse

from chat.consumers import ChatConsumer
from doqchat.conf import doqchat_settings
from doqchat.protocol.names import SOCKET_PATH

websocket_urlpatterns = [path(SOCKET_PATH, ChatConsumer.as_asgi())]


def own_address() -> str:
    """The URL of the site's start page, as this machine reaches it."""
    doqchat = doqchat_settings()
    return doqchat.address or f"http://localhost:{doqchat.port}{reverse('doqchat:home')}"


def socket_path() -> str:
    """The path of the socket's URL, relative to the home page."""
    return reverse("doqchat:home") + SOCKET_PATH
