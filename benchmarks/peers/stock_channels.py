"""A chat as the Channels tutorial teaches it: one consumer per socket in the layer's group, `group_send` per message.

It relays the envelope it gets: no validation, no dedupe, no store. That makes it cheaper than a chat that is fit
for use, so the comparison errs in its favour. Of the tutorial only the origin check is left out, since the load
generator is not a browser. STORE_URL in the environment names its Redis or Valkey.
"""

import os
from typing import Any
from urllib.parse import parse_qs

import django
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "channels"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [os.environ["STORE_URL"]]},
        }
    },
)
django.setup()


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """Relays every message to everybody in the session, the sender included."""

    async def connect(self) -> None:
        query = parse_qs(self.scope["query_string"].decode())
        self.group = f"session_{query['sid'][0]}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any) -> None:
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "content": content})

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.send_json(event["content"])


websocket_urlpatterns = [path("v1/session/chat", ChatConsumer.as_asgi())]
application = ProtocolTypeRouter({"websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))})
