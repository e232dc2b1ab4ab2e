"""Where sockets go."""

from django.urls import path, re_path

from chat.consumers import ChatConsumer, WrongAddress
from doqchat.protocol.names import SOCKET_PATH

websocket_urlpatterns = [
    path(SOCKET_PATH, ChatConsumer.as_asgi()),
    re_path("", WrongAddress.as_asgi()),
]
