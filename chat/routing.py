"""Where sockets go."""

from django.urls import path, re_path

from chat.consumers import ChatConsumer, WrongAddress

websocket_urlpatterns = [
    path("v1/session/chat", ChatConsumer.as_asgi()),
    re_path("", WrongAddress.as_asgi()),
]
