"""WebSocket routing. A project includes it under the path of the pages."""

from django.urls import path, reverse

from chat.consumers import ChatConsumer
from doqchat.protocol.names import SOCKET_PATH

websocket_urlpatterns = [path(SOCKET_PATH, ChatConsumer.as_asgi())]


def socket_path() -> str:
    """The path of the socket's URL, relative to the home page."""
    return reverse("doqchat:home") + SOCKET_PATH
