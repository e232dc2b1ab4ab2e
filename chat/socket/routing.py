"""WebSocket routing. A project includes it under the path of the pages."""

from django.urls import path

from chat.socket.consumer import ChatConsumer
from doqchat.protocol.names import SOCKET_PATH

websocket_urlpatterns = [path(SOCKET_PATH, ChatConsumer.as_asgi())]
