"""Where sockets go."""

from django.urls import path

from chat.consumers import ChatConsumer

websocket_urlpatterns = [path("v1/session/chat", ChatConsumer.as_asgi())]
